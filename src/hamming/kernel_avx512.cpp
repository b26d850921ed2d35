// The scan kernel for AVX-512 with VPOPCNTDQ. Compiled with -mavx512f -mavx512vpopcntdq.
#if defined(__x86_64__)
#include <immintrin.h>

#include "hamming/words.h"

namespace imagehash::hamming {
namespace {

template <int W>
struct Avx512Scan {
    static size_t run(const uint64_t *codes, size_t count, int words, const uint64_t *query, int threshold,
                      Hit *hits) {
        const int w = W ? W : words;
        const __m512i bound = _mm512_set1_epi64(threshold);
        size_t n = 0;
        for (size_t i = 0; i < count; i += kBlock, codes += kBlock * w) {
            __m512i sum = _mm512_setzero_si512();
            for (int k = 0; k < w; k++) {
                const __m512i q = _mm512_set1_epi64(static_cast<int64_t>(query[k]));
                sum = _mm512_add_epi64(
                    sum, _mm512_popcnt_epi64(_mm512_xor_si512(_mm512_loadu_si512(codes + kBlock * k), q)));
            }
            uint32_t mask = _mm512_cmple_epi64_mask(sum, bound);
            if (mask == 0) continue;
            uint64_t distances[kBlock];
            _mm512_storeu_si512(distances, sum);
            n = append_hits(mask, distances, i, count, hits, n);
        }
        return n;
    }
};

}  // namespace

size_t scan_avx512(const uint64_t *codes, size_t count, int words, const uint64_t *query, int threshold,
                   Hit *hits) {
    return scan_by_words<Avx512Scan>(codes, count, words, query, threshold, hits);
}

}  // namespace imagehash::hamming
#endif
