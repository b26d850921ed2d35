// The scan kernel for 64-bit ARM: vcnt counts the bits of bytes.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "hamming/words.h"

namespace imagehash::hamming {
namespace {

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
            for (int pair = 0; pair < kBlock / 2; pair++) {
                // A byte counts at most 8 a word: 16 words stay below 256.
                uint8x16_t bytes = vdupq_n_u8(0);
                for (int k = 0; k < w; k++) {
                    uint64x2_t x = veorq_u64(vld1q_u64(codes + kBlock * k + 2 * pair), vdupq_n_u64(query[k]));
                    bytes = vaddq_u8(bytes, vcntq_u8(vreinterpretq_u8_u64(x)));
                }
                uint64x2_t sum = vpaddlq_u32(vpaddlq_u16(vpaddlq_u8(bytes)));
                uint64x2_t within = vcleq_u64(sum, bound);
                mask |= static_cast<uint32_t>(vgetq_lane_u64(within, 0) & 1) << (2 * pair);
                mask |= static_cast<uint32_t>(vgetq_lane_u64(within, 1) & 1) << (2 * pair + 1);
                vst1q_u64(distances + 2 * pair, sum);
            }
            n = append_hits(mask, distances, i, count, hits, n);
        }
        return n;
    }
};

}  // namespace

size_t scan_neon(const uint64_t *codes, size_t count, int words, const uint64_t *query, int threshold,
                 Hit *hits) {
    return scan_by_words<NeonScan>(codes, count, words, query, threshold, hits);
}

}  // namespace imagehash::hamming
#endif
