// The memory that clustering takes, against what it tells its caller to expect. Counts all allocations of the
// program that go through operator new.
#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <random>
#include <vector>

#include "hamming/clustering.h"

namespace {

std::atomic<size_t> allocated{0}, peak{0};

void *count(void *memory) {
    if (memory == nullptr) throw std::bad_alloc();
    const size_t now = allocated += malloc_usable_size(memory);
    if (now > peak) peak = now;
    return memory;
}

void release(void *memory) noexcept {
    allocated -= malloc_usable_size(memory);
    free(memory);
}

}  // namespace

void *operator new(size_t size) {
    return count(malloc(size));
}
void *operator new(size_t size, std::align_val_t alignment) {
    const auto step = static_cast<size_t>(alignment);
    return count(aligned_alloc(step, (size + step - 1) / step * step));
}
void operator delete(void *memory) noexcept {
    release(memory);
}
void operator delete(void *memory, size_t) noexcept {
    release(memory);
}
void operator delete(void *memory, std::align_val_t) noexcept {
    release(memory);
}
void operator delete(void *memory, size_t, std::align_val_t) noexcept {
    release(memory);
}

namespace imagehash::hamming {
namespace {

// Codes of `centers` centers with some bits flipped; none: uniform.
std::vector<uint64_t> codes_around(size_t centers, size_t count, int words) {
    std::mt19937_64 random(count + centers);
    std::vector<uint64_t> center(centers * words), codes(count * words);
    for (uint64_t &word : center) word = random();
    for (size_t i = 0; i < count; i++) {
        const size_t c = centers == 0 ? 0 : random() % centers;
        for (int w = 0; w < words; w++)
            codes[i * words + w] =
                centers == 0 ? random() : center[c * words + w] ^ (random() & random() & random());
    }
    return codes;
}

class Memory : public testing::TestWithParam<int> {};

TEST_P(Memory, IsWhatTheCallerExpects) {
    const int words = GetParam();
    const size_t count = 20000;
    for (size_t centers : {0, 100, 3000})
        for (uint64_t of_total : {1, 40})
            for (double per_leaf : {8.0, 100.0}) {
                const std::vector<uint64_t> sample = codes_around(centers, count, words);
                const size_t before = allocated;
                peak = before;
                const auto clustering = cluster(
                    sample.data(), count,
                    {words, words * 64, count * of_total, per_leaf, 4600 / (8 * words + 6), 7}, nullptr);
                const double used = static_cast<double>(peak - before + sample.size() * sizeof(uint64_t));
                EXPECT_LE(used / count, static_cast<double>(clustering_memory_per_code(words)))
                    << words << " words, " << centers << " centers, " << of_total << ", " << per_leaf;
            }
}

INSTANTIATE_TEST_SUITE_P(Words, Memory, testing::Values(1, 2, 4, 16));

}  // namespace
}  // namespace imagehash::hamming
