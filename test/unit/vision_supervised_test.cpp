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

#include <ATen/Parallel.h>

#include "vision/engine.h"
#include "common/guarded.h"
#include "vision/input/preprocess.h"
#include "semantic/network/supervised.h"
#include "semantic/network/threads.h"
#include "vision_test_images.h"

namespace imagehash::vision {
namespace {

constexpr InputRecipe kTinyRecipe = {32, 32, {0, 0, 0}, {255, 255, 255}, false};
constexpr int kTinyLength = 16;

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
    ASSERT_TRUE(load_network(bytes_of(file), kTinyRecipe, &inline_id, &length, note).ok());
    ASSERT_TRUE(load_registered_network(bytes_of(file), kTinyRecipe, nullptr, &id, &length, note).ok());
    ASSERT_EQ(length, kTinyLength);
    Buffer first = encode(".png", gradient(300, 400)), second = encode(".png", gradient(64, 64)),
           bad = {1, 2};
    const Bytes images[] = {bytes_of(first), bytes_of(bad), bytes_of(second), bytes_of(first)};
    float expected[4 * kTinyLength], actual[4 * kTinyLength];
    Status each[4];
    ASSERT_TRUE(embed(inline_id, images, 4, kAmple, expected, each).ok());
    ASSERT_TRUE(embed(id, images, 4, kAmple, actual, each).ok());
    EXPECT_EQ(memcmp(expected, actual, sizeof(expected)), 0);
    EXPECT_EQ(each[1].kind, ErrorKind::bad_image);
}

TEST(Supervised, ErrorsArrive) {
    NetworkId id;
    int length;
    char note[256];
    Status status = load_registered_network(bytes_of({1, 2, 3}), kTinyRecipe, nullptr, &id, &length, note);
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
    Status status =
        load_registered_network(bytes_of(file), kTinyRecipe, loads ? nullptr : always, &id, &length, note);
    if (loads) {
        if (!status.ok()) _exit(100);
        ForwardPass pass(id, 1);
        std::fill_n(pass.input(0), input_floats(kTinyRecipe), 1.0f);
        status = guarded([&] { pass.run(1, always); });
    }
    if (status.kind != ErrorKind::abandoned) _exit(101);
    file = file_bytes("tiny_network.pt");
    status = load_registered_network(bytes_of(file), kTinyRecipe, nullptr, &id, &length, note);
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
}  // namespace imagehash::vision
