// Writes the bits of a hash in order: the first is the highest bit of out[0].
#pragma once

#include <cstdint>

namespace imagehash::vision {

class BitWriter {
 public:
    explicit BitWriter(uint8_t *out) : out_(out) {}

    void add(bool bit) {
        if (count_ % 8 == 0) out_[count_ / 8] = 0;
        if (bit) out_[count_ / 8] |= static_cast<uint8_t>(0x80 >> count_ % 8);
        count_++;
    }

 private:
    uint8_t *out_;
    int count_ = 0;
};

}  // namespace imagehash::vision
