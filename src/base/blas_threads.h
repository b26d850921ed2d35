// Threads that a linear algebra library starts just by being loaded.
#pragma once

#include "base/find_function.h"

namespace imagehash {

// OpenBLAS starts its pool when it is loaded; LibTorch and OpenCV both bring it along. It starts the pool
// again only when two threads or more are asked for.
inline void end_blas_threads() {
    auto *set_threads = find_function<void(int)>("openblas_set_num_threads");
    auto *shutdown = find_function<int()>("blas_thread_shutdown_");
    if (set_threads) set_threads(1);
    if (shutdown) shutdown();
}

}  // namespace imagehash
