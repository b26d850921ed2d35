// Bounds of many leaves; see bounds.h. Loops that the compiler makes vectors of: no branch, one width.
#include "hamming/bounds.h"

#include <algorithm>

namespace imagehash::hamming {

void bound_leaves(const uint16_t *distances, const int16_t *rmin, const int16_t *rmax, size_t count,
                  int16_t least, int16_t never, int16_t *bounds) {
    for (size_t i = 0; i < count; i++) {
        auto d = static_cast<int16_t>(distances[i]);
        auto outside = static_cast<int16_t>(d - rmax[i]);
        auto inside = static_cast<int16_t>(rmin[i] - d);
        auto farthest = static_cast<int16_t>(d + rmax[i]);
        int16_t bound = std::max(std::max(outside, inside), least);
        bounds[i] = farthest < least ? never : bound;
    }
}

void rule_out(const uint16_t *distances, const int16_t *rmin, const int16_t *rmax, size_t count, int radius,
              int16_t never, int16_t *bounds) {
    const auto limit = static_cast<int16_t>(std::min(radius, static_cast<int>(never) - 1));
    for (size_t i = 0; i < count; i++) {
        auto d = static_cast<int16_t>(distances[i]);
        auto outside = static_cast<int16_t>(d - rmax[i]);
        auto inside = static_cast<int16_t>(rmin[i] - d);
        bounds[i] = std::max(outside, inside) > limit ? never : bounds[i];
    }
}

namespace {
template <typename Number>
size_t find_within(const Number *numbers, size_t count, Number limit) {
    constexpr size_t kStride = 64;
    size_t i = 0;
    for (; i + kStride <= count; i += kStride) {
        auto least = static_cast<int16_t>(INT16_MAX);
        for (size_t k = 0; k < kStride; k++) least = std::min(least, static_cast<int16_t>(numbers[i + k]));
        if (least <= static_cast<int16_t>(limit)) break;
    }
    while (i < count && numbers[i] > limit) i++;
    return i;
}
}  // namespace

size_t first_within(const int16_t *bounds, size_t count, int16_t limit) {
    return find_within(bounds, count, limit);
}

size_t first_within(const uint16_t *distances, size_t count, uint16_t limit) {
    return find_within(distances, count, limit);
}

uint16_t limit_holding(const uint16_t *distances, size_t count, size_t wanted) {
    auto least = static_cast<int16_t>(INT16_MAX);
    for (size_t i = 0; i < count; i++) least = std::min(least, static_cast<int16_t>(distances[i]));
    for (int16_t limit = least;; limit++) {  // few steps: the nearest are near each other
        constexpr size_t kStride = 16384;    // a count fits its lane
        size_t held = 0;
        for (size_t first = 0; first < count; first += kStride) {
            const size_t end = std::min(count, first + kStride);
            int16_t here = 0;
            for (size_t i = first; i < end; i++)
                here = static_cast<int16_t>(here + (static_cast<int16_t>(distances[i]) <= limit));
            held += static_cast<size_t>(here);
        }
        if (held >= wanted) return static_cast<uint16_t>(limit);
    }
}

}  // namespace imagehash::hamming
