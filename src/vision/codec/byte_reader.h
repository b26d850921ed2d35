// Bounds-checked reading of untrusted bytes.
//
// Header readers read a file only through this class, so no offset or length in a file can lead outside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/types.h"

namespace imagehash::vision {

class ByteReader {
 public:
    explicit ByteReader(Bytes bytes, bool big_endian = true)
        : data_(bytes.data), size_(bytes.size), big_endian_(big_endian) {}

    size_t size() const { return size_; }

    // True if the file has `length` bytes at `offset`. Any values are safe.
    bool has(uint64_t offset, uint64_t length) const { return offset <= size_ && length <= size_ - offset; }

    bool matches(uint64_t offset, const char *expected, size_t length) const {
        return has(offset, length) && memcmp(data_ + offset, expected, length) == 0;
    }

    // Numbers; 0 outside the file. Callers for which 0 is a valid number check with has().
    uint8_t u8(uint64_t offset) const { return has(offset, 1) ? data_[offset] : 0; }
    uint16_t u16(uint64_t offset) const {
        if (!has(offset, 2)) return 0;
        const uint8_t *p = data_ + offset;
        return static_cast<uint16_t>(big_endian_ ? p[0] << 8 | p[1] : p[1] << 8 | p[0]);
    }
    uint32_t u32(uint64_t offset) const {
        if (!has(offset, 4)) return 0;
        uint32_t first = u16(offset), second = u16(offset + 2);
        return big_endian_ ? first << 16 | second : second << 16 | first;
    }

    // A part of the bytes; shorter than `length` if the file ends before.
    Bytes slice(uint64_t offset, uint64_t length) const {
        if (offset > size_) return Bytes{data_, 0};
        uint64_t rest = size_ - offset;
        return Bytes{data_ + offset, static_cast<size_t>(length < rest ? length : rest)};
    }

    // Offset of the next byte equal to `value`; size() if there is none.
    size_t find(uint64_t offset, uint8_t value) const {
        if (offset >= size_) return size_;
        const void *found = memchr(data_ + offset, value, size_ - offset);
        return found ? static_cast<const uint8_t *>(found) - data_ : size_;
    }

 private:
    const uint8_t *data_;
    size_t size_;
    bool big_endian_;
};

}  // namespace imagehash::vision
