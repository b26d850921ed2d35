// Keeps LibTorch, OpenMP, XNNPACK and OpenBLAS to the threads that were asked for. Each of them starts a pool
// of its own when it is first used, so each is told before.
#include "semantic/network/threads.h"

#include <pthread.h>

#include <algorithm>
#include <thread>

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include "base/blas_threads.h"

namespace imagehash::semantic {

namespace {

// With the pool disabled XNNPACK runs on the calling thread, and LibTorch does not even create the pool.
void disable_xnnpack_pool(bool disable) {
    static auto *const set_enabled =
        find_function<void(bool)>("_ZN6caffe219_NoPThreadPoolGuard11set_enabledEb");
    if (set_enabled) set_enabled(disable);
}

// at::set_num_threads() without the pool it creates.
void set_openmp_threads(int threads) {
    static auto *const set_threads = find_function<void(int)>("omp_set_num_threads");
    if (set_threads) set_threads(threads);
}

int current_threads = 1;

}  // namespace

void quiet_libraries() {
    static const bool done = [] {
        end_blas_threads();
        // LibTorch sets OpenMP to all cores when it is first asked; ask, then overrule. at::set_num_threads()
        // would do, but it creates a pool of all cores first in builds that have one.
        at::get_num_threads();
        set_openmp_threads(1);
        disable_xnnpack_pool(true);
        return true;
    }();
    (void)done;
}

void use_threads(int threads) {
    quiet_libraries();
    // Workers spin while they wait: more of them than cores make a forward pass a hundred times slower.
    int cores = static_cast<int>(std::thread::hardware_concurrency());
    if (cores > 0) threads = std::min(threads, cores);
    if (threads == current_threads) return;
    SignalsBlocked blocked;
    at::set_num_threads(threads);
    disable_xnnpack_pool(threads == 1);
    // OpenMP's workers would spin against XNNPACK's, which do the work.
    if (at::globalContext().isXNNPACKAvailable()) set_openmp_threads(1);
    current_threads = threads;
}

int threads_in_use() {
    return current_threads;
}

void use_session_threads() {
    thread_local int used = 0;
    if (used == current_threads) return;
    // As in quiet_libraries(): ask, then overrule.
    at::get_num_threads();
    set_openmp_threads(at::globalContext().isXNNPACKAvailable() ? 1 : current_threads);
    disable_xnnpack_pool(current_threads == 1);
    used = current_threads;
}

SignalsBlocked::SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) sigdelset(&all, fault);
    pthread_sigmask(SIG_BLOCK, &all, &saved_);
}

SignalsBlocked::~SignalsBlocked() {
    pthread_sigmask(SIG_SETMASK, &saved_, nullptr);
}

}  // namespace imagehash::semantic
