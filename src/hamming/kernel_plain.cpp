// The kernels for any processor.
#include <cstdint>

namespace imagehash::hamming {
namespace {
// Hacker's Delight, 5-1: counts in pairs, nibbles, bytes; the multiplication adds the bytes.
inline int popcount(uint64_t x) {
    x -= (x >> 1) & 0x5555555555555555;
    x = (x & 0x3333333333333333) + ((x >> 2) & 0x3333333333333333);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return static_cast<int>((x * 0x0101010101010101) >> 56);
}
}  // namespace
}  // namespace imagehash::hamming

#include "hamming/kernel_scalar.h"

namespace imagehash::hamming {

constexpr Kernel kPlainKernel = {"plain", run_by_words<ScalarScan>, run_by_words<ScalarDistances>,
                                 run_by_words<ScalarNearest>};

}  // namespace imagehash::hamming
