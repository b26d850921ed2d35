// Bounds of many leaves at once, from the triangle inequality.
//
// With D = d(query, centroid), no code whose distance to the centroid is between rmin and rmax is nearer to
// the query than max(D - rmax, rmin - D, 0), and none is farther than D + rmax.
//
// Plain C++: must not include PostgreSQL, OpenCV or LibTorch.
#pragma once

#include <cstddef>
#include <cstdint>

namespace imagehash::hamming {

// bounds[i] = max(the bound of leaf i, least), or `never` where nothing in it is as far as `least`.
// Distances and radii are at most 16383.
void bound_leaves(const uint16_t *distances, const int16_t *rmin, const int16_t *rmax, size_t count,
                  int16_t least, int16_t never, int16_t *bounds);

// bounds[i] = never where leaf i's bound is beyond the radius; else stays.
void rule_out(const uint16_t *distances, const int16_t *rmin, const int16_t *rmax, size_t count, int radius,
              int16_t never, int16_t *bounds);

// The first i with bounds[i] <= limit; count where there is none.
size_t first_within(const int16_t *bounds, size_t count, int16_t limit);

// Where the `wanted` least distances are (of equal ones the first), in ascending order. Returns how many: as
// many as there are, if there are fewer. places[] has room for `wanted`, 0 < wanted <= kMostWanted.
constexpr size_t kMostWanted = 64;
size_t find_least(const uint16_t *distances, size_t count, size_t wanted, uint32_t *places);

}  // namespace imagehash::hamming
