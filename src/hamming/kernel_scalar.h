// The scan kernel in scalar code, for the translation unit's own popcount().
//
// Included after the including file has defined `popcount`; see words.h for why the namespace is unnamed.
#pragma once

#include "hamming/words.h"

namespace imagehash::hamming {
namespace {

template <int W>
struct ScalarScan {
    static size_t run(const uint64_t *codes, size_t count, int words, const uint64_t *query, int threshold,
                      Hit *hits) {
        const int w = W ? W : words;
        size_t n = 0;
        for (size_t i = 0; i < count; i++) {
            const uint64_t *code = codes + (i / kBlock) * kBlock * w + i % kBlock;
            int distance = 0;
            for (int k = 0; k < w; k++) distance += popcount(code[kBlock * k] ^ query[k]);
            if (distance <= threshold)
                hits[n++] = {static_cast<uint16_t>(i), static_cast<uint16_t>(distance)};
        }
        return n;
    }
};

}  // namespace
}  // namespace imagehash::hamming
