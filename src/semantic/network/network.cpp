// Loads a TorchScript network, tries the faster backend of this LibTorch on test inputs, and keeps it where
// its output is the plain module's. Runs on the calling thread. Must not know who made the network or whether
// its code can be trusted: supervised.cpp runs what cannot.
#include "semantic/network/network.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include <ATen/Context.h>
#include <caffe2/serialize/read_adapter_interface.h>
#include <torch/csrc/jit/passes/freeze_module.h>
#include <torch/csrc/jit/passes/xnnpack_rewrite.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/runtime/profiling_graph_executor_impl.h>

#include "semantic/network/guarded.h"
#include "semantic/network/threads.h"

namespace imagehash::semantic {

namespace {

// Lets LibTorch read the archive where it lies.
class MemoryReader : public caffe2::serialize::ReadAdapterInterface {
 public:
    explicit MemoryReader(Bytes bytes) : bytes_(bytes) {}
    size_t size() const override { return bytes_.size; }
    size_t read(uint64_t offset, void *to, size_t length, const char *) const override {
        if (offset > bytes_.size) return 0;
        length = std::min<size_t>(length, bytes_.size - offset);
        memcpy(to, bytes_.data + offset, length);
        return length;
    }

 private:
    Bytes bytes_;
};

at::Tensor forward(torch::jit::Module &module, const float *input, int count, int side) {
    SignalsBlocked blocked;
    c10::InferenceMode inference;
    // Channels-last: the memory stays as it is, only the order of the dimensions is told.
    at::Tensor tensor =
        torch::from_blob(const_cast<float *>(input), {count, side, side, 3}).permute({0, 3, 1, 2});
    // As Module::forward(), but not by way of Method::owner(), where LibTorch 2.6 ends the process if an
    // allocation fails.
    torch::jit::Function &function = module.get_method("forward").function();
    at::Tensor output = function({module._ivalue(), tensor}).toTensor();
    if (output.dim() != 2 || output.size(0) != count || output.size(1) < 1 ||
        output.size(1) > kMaxEmbeddingLength || output.scalar_type() != at::kFloat)
        throw Error(ErrorKind::bad_model, "network does not return float[N,length]");
    return output.contiguous();
}

// What the backends, and batches of them, are compared on: fixed noise over the range of real inputs.
std::vector<float> test_inputs(const Preprocessing &preprocessing) {
    std::vector<float> input(kEmbeddingBatch * input_floats(preprocessing));
    std::mt19937 generator(1);
    for (float &value : input)
        value = (static_cast<float>(generator() % 256) - preprocessing.mean[1]) / preprocessing.scale[1];
    return input;
}

struct Backend {
    const char *name;
    torch::jit::Module (*prepare)(const torch::jit::Module &plain);
};

torch::jit::Module with_xnnpack(const torch::jit::Module &plain) {
    return torch::jit::optimizeForMobile(plain.clone());
}

torch::jit::Module with_onednn(const torch::jit::Module &plain) {
    torch::jit::Module frozen = torch::jit::freeze_module(plain.clone());
    return torch::jit::optimize_for_inference(frozen);
}

// optimize_for_inference() dies of SIGFPE in builds that have XNNPACK as well (Debian 13): nothing catches
// that, so it is tried only where there is no XNNPACK.
Backend fast_backend() {
    return at::globalContext().isXNNPACKAvailable() ? Backend{"xnnpack", with_xnnpack}
                                                    : Backend{"onednn", with_onednn};
}

// The fast backend adds in another order: its output may differ in the last digits.
void check_equal(const at::Tensor &fast, const at::Tensor &plain) {
    constexpr double kTolerance = 1e-3;
    double difference = (fast - plain).norm().item<double>(), size = plain.norm().item<double>();
    if (!(difference <= kTolerance * size))
        throw Error(ErrorKind::internal, "its output differs from the plain module's");
}

// Whether the network gives each input of a batch bit for bit what it gives the input alone.
bool batches_equal_singles(torch::jit::Module &module, const std::vector<float> &inputs, int side) {
    at::Tensor together = forward(module, inputs.data(), kEmbeddingBatch, side).clone();
    for (int i = 0; i < kEmbeddingBatch; i++) {
        const float *input = inputs.data() + i * (inputs.size() / kEmbeddingBatch);
        if (!at::equal(together[i], forward(module, input, 1, side)[0])) return false;
    }
    return true;
}

// Process-wide, like the executors themselves. The profiling executor watches the first runs and then
// compiles: the modules here are already optimized, so that only makes the first calls slow.
void set_up_executors() {
    torch::jit::getProfilingMode() = false;
    torch::jit::getExecutorMode() = false;
    // Where XNNPACK does the work, oneDNN would serve only the plain module's one test pass; and when memory
    // runs out there, its code generator writes to a null pointer, which nothing catches.
    if (at::globalContext().isXNNPACKAvailable()) at::globalContext().setUserEnabledMkldnn(false);
}

// A status of guarded() as an error about the network; exhausted memory stays what it is.
[[noreturn]] void fail(const char *what, const Status &status) {
    if (status.kind == ErrorKind::out_of_memory) throw Error(status.kind, status.message);
    throw Error(ErrorKind::bad_model, std::string(what) + ": " + status.message);
}

}  // namespace

torch::jit::Module load_plain_module(Bytes torchscript) {
    torch::jit::Module module;
    Status status = guarded([&] {
        module = torch::jit::load(std::make_shared<MemoryReader>(torchscript), at::kCPU);
        module.eval();
    });
    if (!status.ok()) fail("network cannot be loaded", status);
    return module;
}

Network::Network(Bytes torchscript, const Preprocessing &preprocessing)
    : preprocessing_(preprocessing), batch_(1), backend_("plain") {
    quiet_libraries();
    set_up_executors();
    at::NoGradGuard no_grad;
    module_ = load_plain_module(torchscript);
    std::vector<float> input = test_inputs(preprocessing);
    at::Tensor expected;
    Status status =
        guarded([&] { expected = forward(module_, input.data(), 1, preprocessing.side).clone(); });
    if (!status.ok()) fail("network cannot be run", status);
    length_ = static_cast<int>(expected.size(1));

    Backend backend = fast_backend();
    status = guarded([&] {
        torch::jit::Module fast = backend.prepare(module_);
        check_equal(forward(fast, input.data(), 1, preprocessing.side), expected);
        module_ = fast;
        backend_ = backend.name;
    });
    // Not for the whole life of a session because memory was short once.
    if (status.kind == ErrorKind::out_of_memory) fail("network cannot be prepared", status);
    if (!status.ok())
        note_ = std::string("network runs plain TorchScript, which is slower, because ") + backend.name +
                " failed: " + status.message;
    status = guarded([&] {
        if (batches_equal_singles(module_, input, preprocessing.side)) batch_ = kEmbeddingBatch;
    });
    if (status.kind == ErrorKind::out_of_memory) fail("network cannot be prepared", status);
}

void Network::embed(const float *input, int count, float *out) const {
    at::Tensor output = forward(module_, input, count, preprocessing_.side);
    if (output.size(1) != length_) throw Error(ErrorKind::internal, "network returned another length");
    const float *values = output.data_ptr<float>();
    size_t length = static_cast<size_t>(count) * length_;
    for (size_t i = 0; i < length; i++)
        if (!std::isfinite(values[i]))
            throw Error(ErrorKind::internal, "network returned a value that is not finite");
    memcpy(out, values, length * sizeof(float));
}

}  // namespace imagehash::semantic
