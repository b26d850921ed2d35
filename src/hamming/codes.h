// Codes in memory: a view of rows, and blocked-8 copies for the kernels.
//
// Plain C++: must not include PostgreSQL, OpenCV or LibTorch.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "hamming/archive.h"
#include "hamming/kernels.h"

namespace imagehash::hamming {

// Row-major codes of `words` words each, owned by somebody else.
struct Rows {
    const uint64_t *data;
    size_t count;
    int words;

    const uint64_t *operator[](size_t i) const { return data + i * words; }
};

inline Rows rows_of(const std::vector<uint64_t> &data, int words) {
    return {data.data(), data.size() / words, words};
}

inline void append_code(std::vector<uint64_t> *rows, const uint64_t *code, int words) {
    rows->insert(rows->end(), code, code + words);
}

// Codes in blocked-8 form (kernels.h). The last block's padding holds copies of its last code, so that a
// nearest code is never one that does not exist.
class BlockedCodes {
 public:
    explicit BlockedCodes(int words) : words_(words) {}

    // Appends the rows from a new block on.
    void append(Rows rows) {
        append(rows, rows.count, [](size_t i) { return i; });
    }

    // Appends the rows with these numbers, from a new block on.
    void append(Rows rows, const uint32_t *numbers, size_t count) {
        append(rows, count, [numbers](size_t i) { return numbers[i]; });
    }

    void archive(Archive *archive) { archive->vector(&lines_); }

    void clear() { lines_.clear(); }
    size_t blocks() const { return lines_.size() / words_; }
    const uint64_t *block(size_t i) const { return lines_[i * words_].word; }

 private:
    struct alignas(64) Line {  // one word of eight codes: a vector register, a cache line
        uint64_t word[kBlock];
    };

    template <class Number>
    void append(Rows rows, size_t count, Number number) {
        const size_t first = blocks();
        lines_.resize((first + (count + kBlock - 1) / kBlock) * words_);
        for (size_t i = 0; i < (blocks() - first) * kBlock; i++) {
            const uint64_t *code = rows[number(std::min(i, count - 1))];
            Line *lines = &lines_[(first + i / kBlock) * words_];
            for (int k = 0; k < words_; k++) lines[k].word[i % kBlock] = code[k];
        }
    }

    int words_;
    std::vector<Line> lines_;
};

}  // namespace imagehash::hamming
