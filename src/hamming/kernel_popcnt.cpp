// The scan kernel for x86-64 with POPCNT; compiled with -mpopcnt.
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

size_t scan_popcnt(const uint64_t *codes, size_t count, int words, const uint64_t *query, int threshold,
                   Hit *hits) {
    return scan_by_words<ScalarScan>(codes, count, words, query, threshold, hits);
}

}  // namespace imagehash::hamming
#endif
