// Writes test/data/tiny_network.pt, a network for tests of the catalogue: float[N,3,32,32] -> float[N,16],
// the means of 16 fields over all colours, plus ten. ninja make_tiny_network && build/make_tiny_network FILE
#include <torch/script.h>

int main(int count, char **arguments) {
    if (count != 2) return 2;
    torch::jit::Module module("tiny");
    module.define(
        "def forward(self, x):\n  return torch.adaptive_avg_pool2d(torch.mean(x, [1], True), [4, "
        "4]).flatten(1) + 10.0\n");
    module.save(arguments[1]);
    return 0;
}
