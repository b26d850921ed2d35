// Registered networks: the same numbers as inline, on a thread that no signal reaches; stopped where they end
// in time, abandoned where they do not.
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <ATen/Parallel.h>

#include "semantic/api.h"
#include "semantic/network/guarded.h"
#include "semantic/network/supervised.h"
#include "semantic/network/threads.h"
#include "test_images.h"

namespace imagehash::semantic {
namespace {

constexpr Preprocessing kTinyPreprocessing = {32, 32, {0, 0, 0}, {255, 255, 255}, false};
constexpr int kTinyLength = 16;

using vision::Buffer;
using vision::bytes_of;

const Api &api() {
    return *imagehash_semantic_api();
}

Buffer file_bytes(const std::string &name) {
    std::ifstream stream(SOURCE_DIR "/test/data/" + name, std::ios::binary);
    return Buffer((std::istreambuf_iterator<char>(stream)), {});
}

bool always() {
    return true;
}

TEST(Supervised, SameNumbersAsInline) {
    Buffer file = file_bytes("tiny_network.pt");
    NetworkId inline_id, id;
    int length;
    char note[256];
    ASSERT_TRUE(api().load_network(bytes_of(file), kTinyPreprocessing, &inline_id, &length, note).ok());
    ASSERT_TRUE(
        api().load_registered_network(bytes_of(file), kTinyPreprocessing, nullptr, &id, &length, note).ok());
    ASSERT_EQ(length, kTinyLength);
    // More than a pass takes.
    constexpr int kCount = 3;
    std::vector<float> inputs(kCount * input_floats(kTinyPreprocessing));
    for (size_t i = 0; i < inputs.size(); i++) inputs[i] = static_cast<float>(i * 7 % 256) / 255;
    float expected[kCount * kTinyLength], actual[kCount * kTinyLength];
    ASSERT_TRUE(api().embed(inline_id, inputs.data(), kCount, nullptr, expected).ok());
    ASSERT_TRUE(api().embed(id, inputs.data(), kCount, nullptr, actual).ok());
    EXPECT_EQ(memcmp(expected, actual, sizeof(expected)), 0);
}

TEST(Supervised, ErrorsArrive) {
    NetworkId id;
    int length;
    char note[256];
    Status status =
        api().load_registered_network(bytes_of({1, 2, 3}), kTinyPreprocessing, nullptr, &id, &length, note);
    EXPECT_EQ(status.kind, ErrorKind::bad_model);
    EXPECT_THROW(run_supervised([] { throw Error(ErrorKind::bad_image, "odd"); }, nullptr), Error);
}

TEST(Supervised, ThreadHasTheSessionsSettings) {
    struct Seen {
        std::thread::id thread;
        sigset_t blocked;
        int threads;
    };
    auto seen = std::make_shared<Seen>();
    run_supervised(
        [seen] {
            seen->thread = std::this_thread::get_id();
            pthread_sigmask(SIG_SETMASK, nullptr, &seen->blocked);
            seen->threads = at::get_num_threads();
        },
        nullptr);
    EXPECT_NE(seen->thread, std::this_thread::get_id());
    for (int signal : {SIGINT, SIGTERM, SIGUSR1, SIGALRM, SIGURG})
        EXPECT_TRUE(sigismember(&seen->blocked, signal)) << signal;
    EXPECT_FALSE(sigismember(&seen->blocked, SIGSEGV));
    EXPECT_EQ(seen->threads, at::get_num_threads());
}

// Ends when it is asked to stop: the session goes on, and so does the thread.
std::atomic<bool> asked_to_stop;

TEST(Supervised, WhatEndsInTimeIsCancelled) {
    asked_to_stop = false;
    Status status = guarded([] {
        run_supervised(
            [] {
                while (!asked_to_stop) std::this_thread::sleep_for(std::chrono::milliseconds(1));
            },
            [] {
                asked_to_stop = true;
                return true;
            });
    });
    EXPECT_EQ(status.kind, ErrorKind::cancelled);
    auto ran = std::make_shared<bool>(false);
    run_supervised([ran] { *ran = true; }, always);
    EXPECT_TRUE(*ran);
}

// Each in a process of its own, since nothing is supervised after that: exits with 100 and the step that went
// wrong, else by exit(0), which must become _exit(1).
[[noreturn]] void run_until_abandoned(const char *name, bool loads) {
    NetworkId id;
    int length;
    char note[256];
    Buffer file = file_bytes(name);
    StopFlag stop = loads ? nullptr : always;
    Status status =
        api().load_registered_network(bytes_of(file), kTinyPreprocessing, stop, &id, &length, note);
    if (loads) {
        if (!status.ok()) _exit(100);
        // The flag says stop while the network runs, not before.
        static bool started;
        started = false;
        StopFlag second_time = [] { return std::exchange(started, true); };
        std::vector<float> input(input_floats(kTinyPreprocessing), 1.0f), embedding(kTinyLength);
        status = api().embed(id, input.data(), 1, second_time, embedding.data());
    }
    if (status.kind != ErrorKind::abandoned) _exit(101);
    file = file_bytes("tiny_network.pt");
    status = api().load_registered_network(bytes_of(file), kTinyPreprocessing, nullptr, &id, &length, note);
    if (status.kind != ErrorKind::abandoned) _exit(102);
    exit(0);
}

TEST(SupervisedDeathTest, WhatDoesNotEndIsAbandoned) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(run_until_abandoned("loops_on_white.pt", true), testing::ExitedWithCode(1), "");
    EXPECT_EXIT(run_until_abandoned("loops.pt", false), testing::ExitedWithCode(1), "");
    EXPECT_EXIT(run_until_abandoned("loops_loading.pt", false), testing::ExitedWithCode(1), "");
}

}  // namespace
}  // namespace imagehash::semantic
