// The kernels for AVX-512 with VPOPCNTDQ. Compiled with -mavx512f -mavx512vpopcntdq.
#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__)
// GCC's header is unsure of its own _mm512_undefined_epi32 (bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>

#include "hamming/words.h"

namespace imagehash::hamming {
namespace {

// The distances of a block's codes, one a lane.
template <int W>
inline __m512i block_distances(const uint64_t *block, int words, const uint64_t *query) {
    const int w = W ? W : words;
    __m512i sum = _mm512_setzero_si512();
    for (int k = 0; k < w; k++) {
        const __m512i q = _mm512_set1_epi64(static_cast<int64_t>(query[k]));
        sum = _mm512_add_epi64(
            sum, _mm512_popcnt_epi64(_mm512_xor_si512(_mm512_loadu_si512(block + kBlock * k), q)));
    }
    return sum;
}

template <int W>
struct Avx512Scan {
    static size_t run(const uint64_t *codes, size_t count, int words, const uint64_t *query, int threshold,
                      Hit *hits) {
        const int w = W ? W : words;
        const __m512i bound = _mm512_set1_epi64(threshold);
        size_t n = 0;
        for (size_t i = 0; i < count; i += kBlock, codes += kBlock * w) {
            const __m512i sum = block_distances<W>(codes, words, query);
            uint32_t mask = _mm512_cmple_epi64_mask(sum, bound);
            if (mask == 0) continue;
            uint64_t distances[kBlock];
            _mm512_storeu_si512(distances, sum);
            n = append_hits(mask, distances, i, count, hits, n);
        }
        return n;
    }
};

template <int W>
struct Avx512Distances {
    static void run(const uint64_t *codes, size_t count, int words, const uint64_t *query,
                    uint16_t *distances) {
        const int w = W ? W : words;
        for (size_t i = 0; i < count; i += kBlock, codes += kBlock * w)
            _mm_storeu_si128(reinterpret_cast<__m128i *>(distances + i),
                             _mm512_cvtepi64_epi16(block_distances<W>(codes, words, query)));
    }
};

template <int W>
struct Avx512Nearest {
    static void run(const uint64_t *codes, size_t blocks, int words, const uint64_t *query, uint32_t first,
                    int64_t *nearest) {
        const int w = W ? W : words;
        const __m512i step = _mm512_set1_epi64(kBlock);
        __m512i position =
            _mm512_add_epi64(_mm512_set1_epi64(first), _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
        __m512i best = _mm512_loadu_si512(nearest);
        for (size_t i = 0; i < blocks; i++, codes += kBlock * w) {
            const __m512i sum = block_distances<W>(codes, words, query);
            best = _mm512_min_epi64(best, _mm512_or_si512(_mm512_slli_epi64(sum, 32), position));
            position = _mm512_add_epi64(position, step);
        }
        _mm512_storeu_si512(nearest, best);
    }
};

}  // namespace

constexpr Kernel kAvx512Kernel = {"avx512", run_by_words<Avx512Scan>, run_by_words<Avx512Distances>,
                                  run_by_words<Avx512Nearest>};

}  // namespace imagehash::hamming
#endif
