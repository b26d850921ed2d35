// Calls a kernel's template with the number of words as a constant where it is a common one.
//
// Included by the kernels, each of which is compiled for another instruction set: everything is in an unnamed
// namespace, or the linker might keep a copy that the processor cannot run.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hamming/kernels.h"

namespace imagehash::hamming {
namespace {

// W = 1, 2, 4: that many words; W = 0: any number, given at run time.
template <template <int W> class Run, class... Arguments>
inline auto run_by_words(const uint64_t *codes, size_t count, int words, const uint64_t *query,
                         Arguments... arguments) {
    switch (words) {
        case 1:
            return Run<1>::run(codes, count, words, query, arguments...);
        case 2:
            return Run<2>::run(codes, count, words, query, arguments...);
        case 4:
            return Run<4>::run(codes, count, words, query, arguments...);
        default:
            return Run<0>::run(codes, count, words, query, arguments...);
    }
}

// Appends the lanes of `mask` that lie before `count`. distances[] holds one value a lane.
inline size_t append_hits(uint32_t mask, const uint64_t *distances, size_t first, size_t count, Hit *hits,
                          size_t n) {
    while (mask != 0) {
        int lane = __builtin_ctz(mask);
        mask &= mask - 1;
        if (first + lane >= count) break;
        hits[n++] = {static_cast<uint16_t>(first + lane), static_cast<uint16_t>(distances[lane])};
    }
    return n;
}

}  // namespace
}  // namespace imagehash::hamming
