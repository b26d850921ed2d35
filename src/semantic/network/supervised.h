// Runs the code of registered networks on a thread of its own, while the session's thread waits and looks
// for a reason to stop.
//
// TorchScript is a programming language: a network that somebody registered may loop for ever, when it runs
// or already when it is loaded. LibTorch cannot interrupt it, and a thread cannot be ended from outside
// without harm to the process. So one that goes on after it was asked to stop is abandoned: the caller gets
// ErrorKind::abandoned, and must end the process, which is all that ends the network. Until then the network
// may run on beside the process's own way out, so
//
//   - whatever it touches belongs to it: memory that `work` owns, never the stack or the memory of a caller;
//   - exit() runs no destructors of LibTorch's under it: the process ends before they would.
//
// One thread a session, started for the first such network, and never in the postmaster, which forks. The
// shipped network, whose code is known, does without: it runs on the session's thread (network.h).
#pragma once

#include <functional>

#include "semantic/types.h"

namespace imagehash::semantic {

// Runs work() on that thread, under the session's thread settings, and waits for it. Throws what it threw, as
// an Error; where `stop` said so meanwhile, Error(cancelled) if work() ended within kGraceSeconds, else
// Error(abandoned). After that every call throws Error(abandoned), and exit() becomes _exit(1).
// REQUIRES: work() uses only memory that it owns, and calls nothing of PostgreSQL.
void run_supervised(std::function<void()> work, StopFlag stop);

}  // namespace imagehash::semantic
