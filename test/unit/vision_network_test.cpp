// The shipped network: same numbers in the fast way as in the plain one, and no thread anybody did not ask
// for.
#include <gtest/gtest.h>

#include <unistd.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "vision/codec/decode.h"
#include "semantic/network/network.h"
#include "vision/input/preprocess.h"
#include "semantic/network/threads.h"
#include "vision_test_images.h"

namespace imagehash::vision {
namespace {

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
    std::vector<float> input(input_floats(kShippedRecipe));
    write_input(input_view(image, kShippedRecipe), kShippedRecipe, input.data());
    return input;
}

TEST(Network, FastWayEqualsPlain) {
    Network network(bytes_of(network_bytes()), kShippedRecipe);
    EXPECT_EQ(network.note(), "");
    std::vector<float> input = input_of(gradient(300, 400)), embedding(kShippedLength);
    network.embed(input.data(), 1, embedding.data());

    torch::jit::Module plain = load_plain_module(bytes_of(network_bytes()));
    at::NoGradGuard no_grad;
    at::Tensor tensor = torch::from_blob(input.data(), {1, kShippedRecipe.side, kShippedRecipe.side, 3})
                            .permute({0, 3, 1, 2})
                            .contiguous();
    at::Tensor expected = plain.forward({tensor}).toTensor();
    at::Tensor actual = torch::from_blob(embedding.data(), {1, kShippedLength});
    EXPECT_LT((actual - expected).norm().item<double>(), 1e-3 * expected.norm().item<double>());
    EXPECT_GE(actual.min().item<float>(), 0);
}

TEST(Network, BatchEqualsSingles) {
    Network network(bytes_of(network_bytes()), kShippedRecipe);
    std::vector<float> both = input_of(gradient(300, 400)), second = input_of(gradient(640, 256));
    both.insert(both.end(), second.begin(), second.end());
    std::vector<float> batch(2 * kShippedLength), single(kShippedLength);
    network.embed(both.data(), 2, batch.data());
    network.embed(second.data(), 1, single.data());
    // Where a batch does not give the same bits, images go one by one.
    float tolerance = network.batch() == kEmbeddingBatch ? 0 : 1e-4;
    for (int i = 0; i < kShippedLength; i++) EXPECT_NEAR(batch[kShippedLength + i], single[i], tolerance);
    EXPECT_TRUE(network.batch() == kEmbeddingBatch || network.way() != std::string("xnnpack"));
}

// Bad images in between move nothing to another place.
TEST(Network, ImagesKeepTheirPlaces) {
    NetworkId network;
    int length;
    char note[256];
    ASSERT_TRUE(load_network(bytes_of(network_bytes()), kShippedRecipe, &network, &length, note).ok());
    Buffer first = encode(".png", gradient(300, 400)), second = encode(".png", gradient(640, 256)),
           bad = {1, 2};
    const Bytes images[] = {bytes_of(bad),    bytes_of(first), bytes_of(bad),   bytes_of(second),
                            bytes_of(second), bytes_of(first), bytes_of(second)};
    constexpr int kCount = 7;
    Status each[kCount], status;
    std::vector<float> all(kCount * length), alone(length);
    ASSERT_TRUE(embed(network, images, kCount, kAmple, all.data(), each).ok());
    for (int i = 0; i < kCount; i++) {
        ASSERT_TRUE(embed(network, images + i, 1, kAmple, alone.data(), &status).ok());
        EXPECT_EQ(each[i].ok(), images[i].size > 2);
        EXPECT_EQ(status.ok(), each[i].ok());
        EXPECT_TRUE(std::equal(alone.begin(), alone.end(), all.begin() + i * length)) << i;
    }
}

// Tests about threads run in a process of their own, where no other test has started any: step that failed,
// or 0.
int first_step_that_starts_a_thread() {
    if (!quiet_vision_libraries().ok() || thread_count() != 1) return 1;
    Network network(bytes_of(network_bytes()), kShippedRecipe);
    if (thread_count() != 1) return 2;
    std::vector<float> embedding(kShippedLength);
    network.embed(input_of(gradient(300, 400)).data(), 1, embedding.data());
    if (thread_count() != 1) return 3;
    decode(bytes_of(encode(".jpg", gradient(2000, 1500))), kAmple, 256);
    if (thread_count() != 1) return 4;
    return settle_before_fork().ok() && thread_count() == 1 ? 0 : 5;
}

// What a preloading postmaster does: afterwards it must be as single-threaded as a C program.
TEST(ThreadsDeathTest, LoadingStartsNone) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(_exit(first_step_that_starts_a_thread()), testing::ExitedWithCode(0), "");
}

// Signals that the worker threads do not block, -1 if there are no workers.
int unblocked_signals_of_workers() {
    Network network(bytes_of(network_bytes()), kShippedRecipe);
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

TEST(Network, DamagedFilesAreErrors) {
    Buffer part(network_bytes().begin(), network_bytes().begin() + 100000);
    EXPECT_THROW(Network(bytes_of(part), kShippedRecipe), Error);
    EXPECT_THROW(Network(bytes_of({1, 2, 3}), kShippedRecipe), Error);
    char note[256];
    NetworkId id;
    int length;
    Status status = load_network(bytes_of(part), kShippedRecipe, &id, &length, note);
    EXPECT_EQ(status.kind, ErrorKind::bad_model);
}

TEST(Engine, ImageToHash) {
    char note[256];
    NetworkId id;
    int length;
    ASSERT_TRUE(load_network(bytes_of(network_bytes()), kShippedRecipe, &id, &length, note).ok());
    EXPECT_EQ(length, kShippedLength);
    Buffer image = encode(".jpg", gradient(900, 600));
    Bytes images[] = {bytes_of(image), {image.data(), 100}, bytes_of(image)};
    std::vector<float> embeddings(3 * kShippedLength);
    Status each[3];
    Status status = embed(id, images, 3, kAmple, embeddings.data(), each);
    EXPECT_TRUE(status.ok()) << status.message;
    EXPECT_TRUE(each[0].ok() && each[2].ok());
    EXPECT_EQ(each[1].kind, ErrorKind::bad_image);
    EXPECT_EQ(memcmp(&embeddings[0], &embeddings[2 * kShippedLength], kShippedLength * sizeof(float)), 0);
    ASSERT_TRUE(embed(id, images, 1, {1000, 1 << 30}, embeddings.data(), each).ok());
    EXPECT_EQ(each[0].kind, ErrorKind::too_large);

    ImageInfo info;
    ASSERT_TRUE(image_info(bytes_of(image), &info).ok());
    EXPECT_STREQ(info.format, "jpeg");
    EXPECT_EQ(info.width, 900);

    uint8_t code[kMaxPerceptualBytes];
    EXPECT_TRUE(perceptual_hash(bytes_of(image), PerceptualHash::average, 8, kAmple, code).ok());
    EXPECT_EQ(perceptual_hash(bytes_of(image), PerceptualHash::average, 9, kAmple, code).kind,
              ErrorKind::bad_argument);
}

}  // namespace
}  // namespace imagehash::vision
