// Every scan kernel this machine can run against a bit-by-bit reference, for every length and odd counts.
#include <gtest/gtest.h>

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
