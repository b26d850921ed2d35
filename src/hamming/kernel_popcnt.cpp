// The kernels for x86-64 with POPCNT; compiled with -mpopcnt.
#if defined(__x86_64__)
#include <cstdint>

namespace imagehash::hamming {
namespace {
inline int popcount(uint64_t x) {
    return __builtin_popcountll(x);
}
}  // namespace
}  // namespace imagehash::hamming

#include "hamming/kernel_scalar.h"

namespace imagehash::hamming {

constexpr Kernel kPopcntKernel = {"popcnt", run_by_words<ScalarScan>, run_by_words<ScalarDistances>,
                                  run_by_words<ScalarNearest>};

}  // namespace imagehash::hamming
#endif
