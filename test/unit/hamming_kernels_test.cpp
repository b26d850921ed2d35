// Every kernel this machine can run against a bit-by-bit reference, for every length and odd counts.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "hamming/distance.h"
#include "hamming/kernels.h"

namespace imagehash::hamming {
namespace {

int count_bits_one_by_one(uint64_t x) {
    int n = 0;
    for (int i = 0; i < 64; i++) n += (x >> i) & 1;
    return n;
}

struct Codes {
    int words;
    std::vector<std::vector<uint64_t>> plain;  // [code][word]
    std::vector<uint64_t> blocked;

    Codes(size_t count, int words, std::mt19937_64 &random) : words(words) {
        blocked.assign((count + kBlock - 1) / kBlock * kBlock * words, 0);
        for (size_t i = 0; i < count; i++) {
            std::vector<uint64_t> code(words);
            for (int w = 0; w < words; w++) {
                code[w] = random();
                blocked[(i / kBlock) * kBlock * words + w * kBlock + i % kBlock] = code[w];
            }
            plain.push_back(code);
        }
    }
};

void expect_scan_equals_reference(const Kernel &kernel, const Codes &codes,
                                  const std::vector<uint64_t> &query, int threshold) {
    std::vector<Hit> hits(codes.plain.size() + kBlock);
    size_t n = kernel.scan(codes.blocked.data(), codes.plain.size(), codes.words, query.data(), threshold,
                           hits.data());
    size_t found = 0;
    for (size_t i = 0; i < codes.plain.size(); i++) {
        int d = 0;
        for (int w = 0; w < codes.words; w++) d += count_bits_one_by_one(codes.plain[i][w] ^ query[w]);
        if (d > threshold) continue;
        ASSERT_LT(found, n) << kernel.name;
        EXPECT_EQ(hits[found].position, i) << kernel.name;
        EXPECT_EQ(hits[found].distance, d) << kernel.name;
        found++;
    }
    EXPECT_EQ(found, n) << kernel.name;
}

class EveryKernel : public testing::TestWithParam<int> {};

TEST_P(EveryKernel, ScanEqualsReference) {
    const int words = GetParam();
    std::mt19937_64 random(words);
    Kernel kernels[8];
    size_t count = supported_kernels(kernels, 8);
    ASSERT_STREQ(kernels[count - 1].name, "plain");
    for (size_t codes : {0, 1, 7, 8, 9, 63, 200}) {
        Codes set(codes, words, random);
        std::vector<uint64_t> query(words);
        for (auto &word : query) word = random();
        if (codes > 3) query = set.plain[3];  // one at distance 0
        for (int threshold : {-1, 0, 1, words * 30, words * 32, words * 64})
            for (size_t k = 0; k < count; k++)
                expect_scan_equals_reference(kernels[k], set, query, threshold);
    }
}

TEST_P(EveryKernel, DistancesEqualPlain) {
    const int words = GetParam();
    std::mt19937_64 random(words);
    Kernel kernels[8];
    const size_t count = supported_kernels(kernels, 8);
    // Lengths that do not fill the last word have zero bits there; 8 and 1024 bits among them.
    for (int bits = words * 64 - 56; bits <= words * 64; bits += 8) {
        Codes set(100, words, random);
        std::vector<uint64_t> query(words);
        for (auto &word : query) word = random();
        const uint64_t mask = ~uint64_t{0} >> (words * 64 - bits);
        query.back() &= mask;
        for (size_t i = 0; i < set.blocked.size(); i++)
            if (i / kBlock % words == static_cast<size_t>(words - 1)) set.blocked[i] &= mask;
        for (size_t n = 0; n <= 100; n++) {
            const size_t room = (n + kBlock - 1) / kBlock * kBlock;
            std::vector<uint16_t> expected(room), distances(room);  // of just the size, for ASan
            kernels[count - 1].distances(set.blocked.data(), n, words, query.data(), expected.data());
            if (bits == words * 64)
                for (size_t i = 0; i < n; i++) {
                    int d = 0;
                    for (int w = 0; w < words; w++) d += count_bits_one_by_one(set.plain[i][w] ^ query[w]);
                    ASSERT_EQ(expected[i], d);
                }
            for (size_t k = 0; k + 1 < count; k++) {
                kernels[k].distances(set.blocked.data(), n, words, query.data(), distances.data());
                for (size_t i = 0; i < n; i++) ASSERT_EQ(distances[i], expected[i]) << kernels[k].name;
            }
        }
    }
}

TEST_P(EveryKernel, NearestEqualsReference) {
    const int words = GetParam();
    constexpr uint32_t kFirst = 0xfffffc00;  // positions use all 32 bits
    std::mt19937_64 random(words);
    Kernel kernels[8];
    const size_t count = supported_kernels(kernels, 8);
    for (size_t blocks : {0, 1, 2, 3, 13}) {
        Codes set(blocks * kBlock, words, random);
        std::vector<uint64_t> query(words);
        for (auto &word : query) word = random();
        int64_t expected[kBlock];
        std::fill_n(expected, kBlock, kNoCode);
        expected[2] = 0;  // nothing is nearer than what was found before
        for (size_t i = 0; i < set.plain.size(); i++) {
            int64_t d = 0;
            for (int w = 0; w < words; w++) d += count_bits_one_by_one(set.plain[i][w] ^ query[w]);
            expected[i % kBlock] =
                std::min(expected[i % kBlock], d << 32 | (kFirst + static_cast<uint32_t>(i)));
        }
        for (size_t k = 0; k < count; k++) {
            int64_t nearest[kBlock];
            std::fill_n(nearest, kBlock, kNoCode);
            nearest[2] = 0;
            kernels[k].nearest(set.blocked.data(), blocks, words, query.data(), kFirst, nearest);
            for (int lane = 0; lane < kBlock; lane++)
                EXPECT_EQ(nearest[lane], expected[lane]) << kernels[k].name;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Words, EveryKernel, testing::Range(1, 17));

TEST(Distance, CountsDifferingBitsOfEveryLength) {
    std::mt19937_64 random(7);
    for (int bytes = 1; bytes <= 128; bytes++) {
        std::vector<uint8_t> a(bytes), b(bytes);
        int expected = 0;
        for (int i = 0; i < bytes; i++) {
            a[i] = static_cast<uint8_t>(random());
            b[i] = static_cast<uint8_t>(random());
            expected += count_bits_one_by_one(a[i] ^ b[i]);
        }
        EXPECT_EQ(distance(a.data(), b.data(), bytes), expected);
        EXPECT_EQ(distance(a.data(), a.data(), bytes), 0);
    }
}

TEST(Distance, PackedWordsArePaddedWithZero) {
    uint8_t code[9];
    memset(code, 0xff, sizeof code);
    uint64_t words[2] = {1, ~uint64_t{0}};
    pack_words(code, 9, words);
    EXPECT_EQ(words[0], ~uint64_t{0});
    EXPECT_EQ(count_bits_one_by_one(words[1]), 8);
}

}  // namespace
}  // namespace imagehash::hamming
