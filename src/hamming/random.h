// Random numbers that are the same for a seed on every platform, which std's distributions do not promise.
#pragma once

#include <cstdint>

namespace imagehash::hamming {

// SplitMix64 (Steele, Lea, Flood 2014).
class Random {
 public:
    explicit Random(uint64_t seed) : state_(seed) {}

    uint64_t next() {
        uint64_t z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return z ^ z >> 31;
    }
    uint64_t below(uint64_t limit) { return next() % limit; }
    double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }  // in [0, 1)

 private:
    uint64_t state_;
};

}  // namespace imagehash::hamming
