// The kernels in scalar code, for the translation unit's own popcount().
//
// Included after the including file has defined `popcount`. The namespace is unnamed for the reason that
// words.h gives.
#pragma once

#include "hamming/words.h"

namespace imagehash::hamming {
namespace {

template <int W>
inline int distance_of_lane(const uint64_t *lane, int words, const uint64_t *query) {
    const int w = W ? W : words;
    int distance = 0;
    for (int k = 0; k < w; k++) distance += popcount(lane[kBlock * k] ^ query[k]);
    return distance;
}

template <int W>
struct ScalarScan {
    static size_t run(const uint64_t *codes, size_t count, int words, const uint64_t *query, int threshold,
                      Hit *hits) {
        const int w = W ? W : words;
        size_t n = 0;
        for (size_t i = 0; i < count; i++) {
            const uint64_t *code = codes + (i / kBlock) * kBlock * w + i % kBlock;
            int distance = distance_of_lane<W>(code, words, query);
            if (distance <= threshold)
                hits[n++] = {static_cast<uint16_t>(i), static_cast<uint16_t>(distance)};
        }
        return n;
    }
};

template <int W>
struct ScalarDistances {
    static void run(const uint64_t *codes, size_t count, int words, const uint64_t *query,
                    uint16_t *distances) {
        const int w = W ? W : words;
        for (size_t i = 0; i < count; i += kBlock, codes += kBlock * w)
            for (int lane = 0; lane < kBlock; lane++)
                distances[i + lane] = static_cast<uint16_t>(distance_of_lane<W>(codes + lane, words, query));
    }
};

template <int W>
struct ScalarNearest {
    static void run(const uint64_t *codes, size_t blocks, int words, const uint64_t *query, uint32_t first,
                    int64_t *nearest) {
        const int w = W ? W : words;
        for (size_t i = 0; i < blocks; i++, codes += kBlock * w) {
            for (int lane = 0; lane < kBlock; lane++, first++) {
                int64_t found = int64_t{distance_of_lane<W>(codes + lane, words, query)} << 32 | first;
                if (found < nearest[lane]) nearest[lane] = found;
            }
        }
    }
};

}  // namespace
}  // namespace imagehash::hamming
