// Writes test/data/*.pt, networks for tests of the catalog: float[N,3,32,32] -> float[N,16], the means of
// 16 fields over all colors, plus ten.
// ninja make_tiny_network && build/make_tiny_network KIND FILE; the kinds are
//
//   tiny           no more than that
//   loops          never ends
//   loops_on_white never ends where the mean of its input is above 0.9, as no test run's is
//   loops_loading  cannot even be loaded in any time: its __setstate__ never ends
#include <string>

#include <torch/script.h>

namespace {

constexpr char kMeans[] =
    "  return torch.adaptive_avg_pool2d(torch.mean(x, [1], True), [4, 4]).flatten(1) + 10.0\n";

// A loop that changed nothing would be optimized away.
std::string loop_above(const char *mean) {
    return std::string("  while float(torch.mean(x)) > ") + mean + ":\n    x = x + 1.0\n";
}

}  // namespace

int main(int count, char **arguments) {
    if (count != 3) return 2;
    const std::string kind = arguments[1];
    std::string loop;
    if (kind == "loops") loop = loop_above("-1000000.0");
    if (kind == "loops_on_white") loop = loop_above("0.9");
    torch::jit::Module module("tiny");
    module.define("def forward(self, x):\n" + loop + kMeans);
    if (kind == "loops_loading") {
        module.register_attribute("state", c10::IntType::get(), 1);
        module.define("def __getstate__(self):\n  return self.state\n");
        module.define(
            "def __setstate__(self, n: int) -> None:\n  while n > 0:\n    n = n % 7 + 1\n  self.state = n\n");
    }
    module.save(arguments[2]);
    return 0;
}
