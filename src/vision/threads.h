// Process-wide threads of LibTorch, OpenMP, OpenBLAS and OpenCV, and the signals they must not receive.
//
// Three rules: the postmaster stays single-threaded, or fork() copies locks nobody will release; a session
// uses as many threads as imagehash.threads says, one by default; no worker thread may run one of
// PostgreSQL's signal handlers.
#pragma once

#include <csignal>

namespace imagehash::vision {

// Ends threads that libraries started just by being loaded (OpenBLAS does), and sets everything to one
// thread, without starting any. Once a process; call it before anything else of LibTorch or OpenCV.
void quiet_libraries();

// Threads a forward pass may use from now on, at most one a core. More than one starts worker threads.
void use_threads(int threads);
int threads_in_use();

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

}  // namespace imagehash::vision
