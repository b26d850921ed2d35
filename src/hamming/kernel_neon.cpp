// The kernels for 64-bit ARM: vcnt counts the bits of bytes.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "hamming/words.h"

namespace imagehash::hamming {
namespace {

// The distances of two neighboring codes of a block, `pair` pointing at their first words.
template <int W>
inline uint64x2_t pair_distances(const uint64_t *pair, int words, const uint64_t *query) {
    const int w = W ? W : words;
    // A byte counts at most 8 a word: 16 words stay below 256.
    uint8x16_t bytes = vdupq_n_u8(0);
    for (int k = 0; k < w; k++) {
        uint64x2_t x = veorq_u64(vld1q_u64(pair + kBlock * k), vdupq_n_u64(query[k]));
        bytes = vaddq_u8(bytes, vcntq_u8(vreinterpretq_u8_u64(x)));
    }
    return vpaddlq_u32(vpaddlq_u16(vpaddlq_u8(bytes)));
}

template <int W>
struct NeonScan {
    static size_t run(const uint64_t *codes, size_t count, int words, const uint64_t *query, int threshold,
                      Hit *hits) {
        const int w = W ? W : words;
        const uint64x2_t bound = vdupq_n_u64(static_cast<uint64_t>(threshold));
        size_t n = 0;
        if (threshold < 0) return 0;
        for (size_t i = 0; i < count; i += kBlock, codes += kBlock * w) {
            uint64_t distances[kBlock];
            uint32_t mask = 0;
            for (int lane = 0; lane < kBlock; lane += 2) {
                uint64x2_t sum = pair_distances<W>(codes + lane, words, query);
                uint64x2_t within = vcleq_u64(sum, bound);
                mask |= static_cast<uint32_t>(vgetq_lane_u64(within, 0) & 1) << lane;
                mask |= static_cast<uint32_t>(vgetq_lane_u64(within, 1) & 1) << (lane + 1);
                vst1q_u64(distances + lane, sum);
            }
            n = append_hits(mask, distances, i, count, hits, n);
        }
        return n;
    }
};

template <int W>
struct NeonDistances {
    static void run(const uint64_t *codes, size_t count, int words, const uint64_t *query,
                    uint16_t *distances) {
        const int w = W ? W : words;
        for (size_t i = 0; i < count; i += kBlock, codes += kBlock * w) {
            for (int lane = 0; lane < kBlock; lane += 2) {
                uint64x2_t sum = pair_distances<W>(codes + lane, words, query);
                distances[i + lane] = static_cast<uint16_t>(vgetq_lane_u64(sum, 0));
                distances[i + lane + 1] = static_cast<uint16_t>(vgetq_lane_u64(sum, 1));
            }
        }
    }
};

template <int W>
struct NeonNearest {
    static void run(const uint64_t *codes, size_t blocks, int words, const uint64_t *query, uint32_t first,
                    int64_t *nearest) {
        const int w = W ? W : words;
        int64x2_t best[kBlock / 2];
        for (int pair = 0; pair < kBlock / 2; pair++) best[pair] = vld1q_s64(nearest + 2 * pair);
        for (size_t i = 0; i < blocks; i++, codes += kBlock * w) {
            for (int pair = 0; pair < kBlock / 2; pair++, first += 2) {
                uint64x2_t position = vcombine_u64(vcreate_u64(first), vcreate_u64(uint64_t{first} + 1));
                uint64x2_t sum = pair_distances<W>(codes + 2 * pair, words, query);
                int64x2_t found = vreinterpretq_s64_u64(vorrq_u64(vshlq_n_u64(sum, 32), position));
                best[pair] = vbslq_s64(vcltq_s64(found, best[pair]), found, best[pair]);
            }
        }
        for (int pair = 0; pair < kBlock / 2; pair++) vst1q_s64(nearest + 2 * pair, best[pair]);
    }
};

}  // namespace

constexpr Kernel kNeonKernel = {"neon", run_by_words<NeonScan>, run_by_words<NeonDistances>,
                                run_by_words<NeonNearest>};

}  // namespace imagehash::hamming
#endif
