// Process-wide threads of LibTorch, OpenMP and OpenBLAS, and the signals they must not receive.
//
// Three rules: the postmaster stays single-threaded, or fork() copies locks nobody will release; a session
// uses as many threads as imagehash.threads says, one by default; no worker thread may run one of
// PostgreSQL's signal handlers.
#pragma once

#include <csignal>

namespace imagehash::semantic {

// Ends threads that libraries started just by being loaded (OpenBLAS does), and sets everything to one
// thread, without starting any. Once a process; call it before anything else of LibTorch.
void quiet_libraries();

// Threads a forward pass may use from now on, at most one a core. More than one starts worker threads.
void use_threads(int threads);
int threads_in_use();

// LibTorch and OpenMP keep some of it for each thread: gives the calling thread, which is not the session's
// own, what use_threads() gave that one. Call it on such a thread before each use of LibTorch, while the
// session's thread waits. quiet_libraries() must have been called there.
void use_session_threads();

// Blocks the signals PostgreSQL handles while it lives, so that threads created meanwhile inherit the mask.
// Delays the calling thread's own signals; those that report a fault stay deliverable.
class SignalsBlocked {
 public:
    SignalsBlocked();
    ~SignalsBlocked();
    SignalsBlocked(const SignalsBlocked &) = delete;
    SignalsBlocked &operator=(const SignalsBlocked &) = delete;

 private:
    sigset_t saved_;
};

}  // namespace imagehash::semantic
