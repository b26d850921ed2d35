// What a sample tells about distances among all codes.
//
// Plain C++: must not include PostgreSQL, OpenCV or LibTorch. May throw std::bad_alloc.
#pragma once

#include <cstdint>
#include <vector>

#include "hamming/codes.h"
#include "hamming/random.h"
#include "hamming/stop.h"

namespace imagehash::hamming {

struct PairDistances {
    double mean, deviation;  // of two random codes
};

// Of a sample that is not empty.
PairDistances pair_distances(Rows sample, Random *random);

struct NeighborDistances {
    // 75th percentile, over codes of the sample, of the distance to the tenth neighbor among the `total`
    // codes that the sample stands for.
    int tenth;
    std::vector<int> nearest;  // of some codes, to the nearest other one of the sample
};
NeighborDistances neighbor_distances(Rows sample, uint64_t total, Random *random, StopMemory *stop);

}  // namespace imagehash::hamming
