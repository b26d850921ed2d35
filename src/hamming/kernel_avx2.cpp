// The kernels for AVX2: popcount by table look-up of nibbles (Mula, Kurz, Lemire 2018, arXiv:1611.07612).
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

inline __m256i load(const void *p) {
    return _mm256_loadu_si256(static_cast<const __m256i *>(p));
}

inline void store(void *p, __m256i v) {
    _mm256_storeu_si256(static_cast<__m256i *>(p), v);
}

// The distances of a block's codes, one a lane: lanes 0 to 3 low, 4 to 7 high.
struct Distances {
    __m256i low, high;
};

template <int W>
inline Distances block_distances(const uint64_t *block, int words, const uint64_t *query) {
    const int w = W ? W : words;
    const __m256i zero = _mm256_setzero_si256();
    // A byte counts at most 8 a word: 16 words stay below 256.
    __m256i low = zero, high = zero;
    for (int k = 0; k < w; k++) {
        const __m256i q = _mm256_set1_epi64x(static_cast<int64_t>(query[k]));
        low = _mm256_add_epi8(low, popcount_bytes(_mm256_xor_si256(load(block + kBlock * k), q)));
        high = _mm256_add_epi8(high, popcount_bytes(_mm256_xor_si256(load(block + kBlock * k + 4), q)));
    }
    return {_mm256_sad_epu8(low, zero), _mm256_sad_epu8(high, zero)};
}

inline uint32_t lanes_within(__m256i distances, __m256i threshold) {
    return 15 & ~_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(distances, threshold)));
}

inline __m256i minimum(__m256i a, __m256i b) {
    return _mm256_blendv_epi8(a, b, _mm256_cmpgt_epi64(a, b));
}

// Eight distances as 16-bit numbers in order of lane.
inline __m128i narrow(Distances d) {
    const __m256i pairs = _mm256_packus_epi32(d.low, d.high);
    const __m256i fours = _mm256_packus_epi32(pairs, pairs);  // 0 1 4 5 … | 2 3 6 7 …
    return _mm_unpacklo_epi32(_mm256_castsi256_si128(fours), _mm256_extracti128_si256(fours, 1));
}

template <int W>
struct Avx2Scan {
    static size_t run(const uint64_t *codes, size_t count, int words, const uint64_t *query, int threshold,
                      Hit *hits) {
        const int w = W ? W : words;
        const __m256i bound = _mm256_set1_epi64x(threshold);
        size_t n = 0;
        for (size_t i = 0; i < count; i += kBlock, codes += kBlock * w) {
            const Distances d = block_distances<W>(codes, words, query);
            uint32_t mask = lanes_within(d.low, bound) | lanes_within(d.high, bound) << 4;
            if (mask == 0) continue;
            uint64_t distances[kBlock];
            store(distances, d.low);
            store(distances + 4, d.high);
            n = append_hits(mask, distances, i, count, hits, n);
        }
        return n;
    }
};

template <int W>
struct Avx2Distances {
    static void run(const uint64_t *codes, size_t count, int words, const uint64_t *query,
                    uint16_t *distances) {
        const int w = W ? W : words;
        for (size_t i = 0; i < count; i += kBlock, codes += kBlock * w)
            _mm_storeu_si128(reinterpret_cast<__m128i *>(distances + i),
                             narrow(block_distances<W>(codes, words, query)));
    }
};

template <int W>
struct Avx2Nearest {
    static void run(const uint64_t *codes, size_t blocks, int words, const uint64_t *query, uint32_t first,
                    int64_t *nearest) {
        const int w = W ? W : words;
        const __m256i step = _mm256_set1_epi64x(kBlock);
        const __m256i start = _mm256_set1_epi64x(first);
        __m256i low_position = _mm256_add_epi64(start, _mm256_setr_epi64x(0, 1, 2, 3));
        __m256i high_position = _mm256_add_epi64(start, _mm256_setr_epi64x(4, 5, 6, 7));
        __m256i low = load(nearest), high = load(nearest + 4);
        for (size_t i = 0; i < blocks; i++, codes += kBlock * w) {
            const Distances d = block_distances<W>(codes, words, query);
            low = minimum(low, _mm256_or_si256(_mm256_slli_epi64(d.low, 32), low_position));
            high = minimum(high, _mm256_or_si256(_mm256_slli_epi64(d.high, 32), high_position));
            low_position = _mm256_add_epi64(low_position, step);
            high_position = _mm256_add_epi64(high_position, step);
        }
        store(nearest, low);
        store(nearest + 4, high);
    }
};

}  // namespace

constexpr Kernel kAvx2Kernel = {"avx2", run_by_words<Avx2Scan>, run_by_words<Avx2Distances>,
                                run_by_words<Avx2Nearest>};

}  // namespace imagehash::hamming
#endif
