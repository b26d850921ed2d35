// The shipped network: same numbers from the fast backend as from the plain one, and no thread anybody did
// not ask for.
#include <gtest/gtest.h>

#include <unistd.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "semantic/api.h"
#include "semantic/network/guarded.h"
#include "semantic/network/network.h"
#include "semantic/network/threads.h"
#include "test_images.h"
#include "vision/api.h"
#include "vision/input/preprocess.h"

namespace imagehash::semantic {
namespace {

using namespace vision;

const Api &api() {
    return *imagehash_semantic_api();
}

const Buffer &network_bytes() {
    static const Buffer bytes = [] {
        std::ifstream stream(SOURCE_DIR "/models/efficientnet_lite0.pt", std::ios::binary);
        return Buffer((std::istreambuf_iterator<char>(stream)), {});
    }();
    return bytes;
}

int thread_count() {
    int count = 0;
    for (const auto &entry : std::filesystem::directory_iterator("/proc/self/task")) {
        (void)entry;
        count++;
    }
    return count;
}

std::vector<float> input_of(const cv::Mat &image) {
    std::vector<float> input(input_floats(kShippedPreprocessing));
    write_input(input_view(image, kShippedPreprocessing), kShippedPreprocessing, input.data());
    return input;
}

TEST(Network, FastBackendEqualsPlain) {
    Network network(bytes_of(network_bytes()), kShippedPreprocessing);
    EXPECT_EQ(network.note(), "");
    std::vector<float> input = input_of(gradient(300, 400)), embedding(kShippedLength);
    network.embed(input.data(), 1, embedding.data());

    torch::jit::Module plain = load_plain_module(bytes_of(network_bytes()));
    at::NoGradGuard no_grad;
    const int side = kShippedPreprocessing.side;
    at::Tensor tensor = torch::from_blob(input.data(), {1, side, side, 3}).permute({0, 3, 1, 2}).contiguous();
    at::Tensor expected = plain.forward({tensor}).toTensor();
    at::Tensor actual = torch::from_blob(embedding.data(), {1, kShippedLength});
    EXPECT_LT((actual - expected).norm().item<double>(), 1e-3 * expected.norm().item<double>());
    EXPECT_GE(actual.min().item<float>(), 0);
}

TEST(Network, BatchEqualsSingles) {
    Network network(bytes_of(network_bytes()), kShippedPreprocessing);
    std::vector<float> both = input_of(gradient(300, 400)), second = input_of(gradient(640, 256));
    both.insert(both.end(), second.begin(), second.end());
    std::vector<float> batch(2 * kShippedLength), single(kShippedLength);
    network.embed(both.data(), 2, batch.data());
    network.embed(second.data(), 1, single.data());
    // Where a batch does not give the same bits, images go one by one.
    float tolerance = network.batch() == kEmbeddingBatch ? 0 : 1e-4;
    for (int i = 0; i < kShippedLength; i++) EXPECT_NEAR(batch[kShippedLength + i], single[i], tolerance);
    EXPECT_TRUE(network.batch() == kEmbeddingBatch || network.backend() != std::string("xnnpack"));
}

TEST(Network, InputsKeepTheirPlaces) {
    NetworkId network;
    int length;
    char note[256];
    ASSERT_TRUE(
        api().load_network(bytes_of(network_bytes()), kShippedPreprocessing, &network, &length, note).ok());
    ASSERT_EQ(length, kShippedLength);
    const std::vector<float> inputs[] = {input_of(gradient(300, 400)), input_of(gradient(640, 256)),
                                         input_of(gradient(100, 90))};
    constexpr int kCount = 3;
    std::vector<float> together, all(kCount * length), alone(length);
    for (const auto &input : inputs) together.insert(together.end(), input.begin(), input.end());
    ASSERT_TRUE(api().embed(network, together.data(), kCount, nullptr, all.data()).ok());
    for (int i = 0; i < kCount; i++) {
        ASSERT_TRUE(api().embed(network, inputs[i].data(), 1, nullptr, alone.data()).ok());
        EXPECT_TRUE(std::equal(alone.begin(), alone.end(), all.begin() + i * length)) << i;
    }
    Status status = api().embed(
        network, together.data(), kCount, [] { return true; }, all.data());
    EXPECT_EQ(status.kind, ErrorKind::cancelled);
}

// Tests about threads run in a process of their own, where no other test has started any: step that failed,
// or 0.
int first_step_that_starts_a_thread() {
    const vision::Api &images = *imagehash_vision_api();
    if (!images.start().ok() || !api().start().ok() || thread_count() != 1) return 1;
    Network network(bytes_of(network_bytes()), kShippedPreprocessing);
    if (thread_count() != 1) return 2;
    std::vector<float> embedding(kShippedLength);
    network.embed(input_of(gradient(300, 400)).data(), 1, embedding.data());
    if (thread_count() != 1) return 3;
    decode(bytes_of(encode(".jpg", gradient(2000, 1500))), kAmple, 256);
    if (thread_count() != 1) return 4;
    if (!images.settle_before_fork().ok()) return 5;
    return thread_count() == 1 ? 0 : 6;
}

// What a preloading postmaster does: afterwards it must be as single-threaded as a C program.
TEST(ThreadsDeathTest, LoadingStartsNone) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(_exit(first_step_that_starts_a_thread()), testing::ExitedWithCode(0), "");
}

// Signals that the worker threads do not block, -1 if there are no workers.
int unblocked_signals_of_workers() {
    Network network(bytes_of(network_bytes()), kShippedPreprocessing);
    std::vector<float> input = input_of(gradient(300, 400)), one(kShippedLength), two(kShippedLength);
    network.embed(input.data(), 1, one.data());
    use_threads(2);
    network.embed(input.data(), 1, two.data());
    int workers = 0, unblocked = 0;
    for (const auto &entry : std::filesystem::directory_iterator("/proc/self/task")) {
        if (entry.path().filename() == std::to_string(getpid())) continue;
        workers++;
        std::ifstream status(entry.path() / "status");
        std::string line;
        while (std::getline(status, line)) {
            if (line.rfind("SigBlk:", 0) != 0) continue;
            uint64_t mask = std::stoull(line.substr(7), nullptr, 16);
            for (int signal : {SIGINT, SIGTERM, SIGUSR1, SIGALRM, SIGURG})
                unblocked += mask >> (signal - 1) & 1 ? 0 : 1;
        }
    }
    for (int i = 0; i < kShippedLength; i++)
        if (std::abs(one[i] - two[i]) > 1e-4) return 100;
    return workers ? unblocked : -1;
}

TEST(ThreadsDeathTest, WorkersBlockSignals) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(_exit(unblocked_signals_of_workers()), testing::ExitedWithCode(0), "");
}

TEST(Guarded, KnowsLibTorch) {
    EXPECT_STREQ(guarded([] { TORCH_CHECK(false, "from LibTorch"); }).message, "from LibTorch");
    EXPECT_EQ(guarded([] { TORCH_CHECK(false, "you tried to allocate memory"); }).kind,
              ErrorKind::out_of_memory);
    EXPECT_STREQ(guarded([] { throw std::runtime_error("ordinary"); }).message, "ordinary");
}

TEST(Network, DamagedFilesAreErrors) {
    Buffer part(network_bytes().begin(), network_bytes().begin() + 100000);
    EXPECT_THROW(Network(bytes_of(part), kShippedPreprocessing), Error);
    EXPECT_THROW(Network(bytes_of({1, 2, 3}), kShippedPreprocessing), Error);
    char note[256];
    NetworkId id;
    int length;
    Status status = api().load_network(bytes_of(part), kShippedPreprocessing, &id, &length, note);
    EXPECT_EQ(status.kind, ErrorKind::bad_model);
}

}  // namespace
}  // namespace imagehash::semantic
