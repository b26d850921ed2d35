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

size_t first_within(const int16_t *bounds, size_t count, int16_t limit) {
    constexpr size_t kStride = 64;
    size_t i = 0;
    for (; i + kStride <= count; i += kStride) {
        int16_t least = INT16_MAX;
        for (size_t k = 0; k < kStride; k++) least = std::min(least, bounds[i + k]);
        if (least <= limit) break;
    }
    while (i < count && bounds[i] > limit) i++;
    return i;
}

}  // namespace imagehash::hamming
