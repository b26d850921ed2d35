// One worker thread and the handover of work to it, under one mutex. Only the session's thread, which waits,
// looks at the stop flag. The worker must not touch anything of the waiting thread but the Worker itself.
#include "semantic/network/supervised.h"

#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>

#include "semantic/network/guarded.h"
#include "semantic/network/threads.h"

namespace imagehash::semantic {

namespace {

using Clock = std::chrono::steady_clock;

// Between two looks at the stop flag. Work that ends is noticed at once.
constexpr auto kPoll = std::chrono::milliseconds(50);

struct Worker {
    std::mutex mutex;  // of all that follows
    std::condition_variable handed_over, finished;
    std::function<void()> work;  // empty: none is waiting
    Status status;               // of the work before
    bool started = false;
    bool done = false;
    bool abandoned = false;
};

Worker &worker() {
    // Never destroyed: at exit the thread still waits for work, or does some.
    static Worker *const instance = new Worker;
    return *instance;
}

void serve(Worker *w) {
    for (;;) {
        std::function<void()> work;
        {
            std::unique_lock<std::mutex> lock(w->mutex);
            w->handed_over.wait(lock, [w] { return static_cast<bool>(w->work); });
            work.swap(w->work);
        }
        Status status = guarded([&] {
            use_session_threads();
            work();
        });
        work = nullptr;
        {
            std::lock_guard<std::mutex> lock(w->mutex);
            w->status = status;
            w->done = true;
        }
        w->finished.notify_one();
    }
}

void start_thread(Worker *w) {
    SignalsBlocked blocked;
    Status status = guarded([w] { std::thread(serve, w).detach(); });
    if (!status.ok())
        throw Error(ErrorKind::out_of_memory,
                    std::string("could not start a thread for the network: ") + status.message);
    w->started = true;
}

[[noreturn]] void throw_abandoned() {
    throw Error(ErrorKind::abandoned, "network does not stop");
}

// Exit handlers run in the reverse order of their registration: this one runs before any destructor of
// LibTorch.
[[noreturn]] void abandon(Worker *w) {
    w->abandoned = true;
    std::atexit([] { _exit(1); });
    throw_abandoned();
}

}  // namespace

void run_supervised(std::function<void()> work, StopFlag stop) {
    quiet_libraries();
    Worker *w = &worker();
    std::unique_lock<std::mutex> lock(w->mutex);
    if (w->abandoned) throw_abandoned();
    if (!w->started) start_thread(w);
    w->done = false;
    w->work = std::move(work);
    w->handed_over.notify_one();
    bool stopping = false;
    Clock::time_point deadline;
    while (!w->finished.wait_for(lock, kPoll, [w] { return w->done; })) {
        if (stopping && Clock::now() >= deadline) abandon(w);
        if (stopping || !stop || !stop()) continue;
        stopping = true;
        deadline = Clock::now() + std::chrono::seconds(kGraceSeconds);
    }
    if (stopping) throw Error(ErrorKind::cancelled, "the network was cancelled");
    if (!w->status.ok()) throw Error(w->status.kind, w->status.message, w->status.hint);
}

}  // namespace imagehash::semantic
