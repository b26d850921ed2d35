// Hamming distance of two codes as they lie in a value: bytes, first bit highest.
//
// Plain C++: must not include PostgreSQL, OpenCV or LibTorch.
#pragma once

#include <cstdint>
#include <cstring>

namespace imagehash::hamming {

// Bits in which two codes of `bytes` bytes differ.
inline int distance(const uint8_t *a, const uint8_t *b, int bytes) {
    int sum = 0;
    int i = 0;
    for (; i + 8 <= bytes; i += 8) {
        uint64_t x, y;
        memcpy(&x, a + i, 8);
        memcpy(&y, b + i, 8);
        sum += __builtin_popcountll(x ^ y);
    }
    for (; i < bytes; i++) sum += __builtin_popcount(a[i] ^ b[i]);
    return sum;
}

// Words of 64 bits that a code of `bits` bits fills.
constexpr int words_of_bits(int bits) {
    return (bits + 63) / 64;
}

// A code's bytes as words, padded with zero bits. Which bit is which does not matter to a distance, only that
// both sides agree, so the words are simply copied: on the same machine they come back as the same bytes.
inline void pack_words(const uint8_t *code, int bytes, uint64_t *words) {
    words[(bytes - 1) / 8] = 0;
    memcpy(words, code, bytes);
}

}  // namespace imagehash::hamming
