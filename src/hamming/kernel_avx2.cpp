// The scan kernel for AVX2: popcount by table look-up of nibbles (Mula, Kurz, Lemire 2018, arXiv:1611.07612).
// Compiled with -mavx2 -mpopcnt.
#if defined(__x86_64__)
#include <immintrin.h>

#include "hamming/words.h"

namespace imagehash::hamming {
namespace {

// Set bits of each byte.
inline __m256i popcount_bytes(__m256i v) {
    const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                           0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i low = _mm256_set1_epi8(15);
    return _mm256_add_epi8(_mm256_shuffle_epi8(table, _mm256_and_si256(v, low)),
                           _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(v, 4), low)));
}

inline __m256i load(const uint64_t *p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(p));
}

inline uint32_t lanes_within(__m256i distances, __m256i threshold) {
    return 15 & ~_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(distances, threshold)));
}

template <int W>
struct Avx2Scan {
    static size_t run(const uint64_t *codes, size_t count, int words, const uint64_t *query, int threshold,
                      Hit *hits) {
        const int w = W ? W : words;
        const __m256i bound = _mm256_set1_epi64x(threshold);
        const __m256i zero = _mm256_setzero_si256();
        size_t n = 0;
        for (size_t i = 0; i < count; i += kBlock, codes += kBlock * w) {
            // A byte counts at most 8 a word: 16 words stay below 256.
            __m256i low = zero, high = zero;
            for (int k = 0; k < w; k++) {
                const __m256i q = _mm256_set1_epi64x(static_cast<int64_t>(query[k]));
                low = _mm256_add_epi8(low, popcount_bytes(_mm256_xor_si256(load(codes + kBlock * k), q)));
                high =
                    _mm256_add_epi8(high, popcount_bytes(_mm256_xor_si256(load(codes + kBlock * k + 4), q)));
            }
            low = _mm256_sad_epu8(low, zero);
            high = _mm256_sad_epu8(high, zero);
            uint32_t mask = lanes_within(low, bound) | lanes_within(high, bound) << 4;
            if (mask == 0) continue;
            uint64_t distances[kBlock];
            _mm256_storeu_si256(reinterpret_cast<__m256i *>(distances), low);
            _mm256_storeu_si256(reinterpret_cast<__m256i *>(distances + 4), high);
            n = append_hits(mask, distances, i, count, hits, n);
        }
        return n;
    }
};

}  // namespace

size_t scan_avx2(const uint64_t *codes, size_t count, int words, const uint64_t *query, int threshold,
                 Hit *hits) {
    return scan_by_words<Avx2Scan>(codes, count, words, query, threshold, hits);
}

}  // namespace imagehash::hamming
#endif
