// Loops that the compiler makes vectors of: no branch, one width.
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
constexpr size_t kStride = 64;

// Of kStride numbers, all below 2^15.
template <typename Number>
int16_t least_of(const Number *numbers) {
    auto least = static_cast<int16_t>(INT16_MAX);
    for (size_t k = 0; k < kStride; k++) least = std::min(least, static_cast<int16_t>(numbers[k]));
    return least;
}

// Keeps the least keys, in order; *kept of at most `wanted`.
void keep_least(uint64_t key, size_t wanted, uint64_t *keys, size_t *kept) {
    if (*kept < wanted)
        ++*kept;
    else if (key >= keys[wanted - 1])
        return;
    size_t at = *kept - 1;
    for (; at > 0 && keys[at - 1] > key; at--) keys[at] = keys[at - 1];
    keys[at] = key;
}
}  // namespace

size_t first_within(const int16_t *bounds, size_t count, int16_t limit) {
    size_t i = 0;
    while (i + kStride <= count && least_of(bounds + i) > limit) i += kStride;
    while (i < count && bounds[i] > limit) i++;
    return i;
}

size_t find_least(const uint16_t *distances, size_t count, size_t wanted, uint32_t *places) {
    uint64_t keys[kMostWanted];
    size_t kept = 0;
    for (size_t i = 0; i < count; i += kStride) {
        if (kept == wanted && i + kStride <= count &&
            static_cast<uint64_t>(least_of(distances + i)) >= keys[wanted - 1] >> 32)
            continue;
        for (size_t k = i; k < std::min(count, i + kStride); k++)
            keep_least(static_cast<uint64_t>(distances[k]) << 32 | k, wanted, keys, &kept);
    }
    for (size_t k = 0; k < kept; k++) places[k] = static_cast<uint32_t>(keys[k]);
    std::sort(places, places + kept);
    return kept;
}

}  // namespace imagehash::hamming
