// Places centroids among codes: k-majority, the k-means of Hamming space.
//
// Plain C++: must not include PostgreSQL, OpenCV or LibTorch. May throw std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "hamming/codes.h"
#include "hamming/nearest_centroid.h"
#include "hamming/random.h"
#include "hamming/stop.h"

namespace imagehash::hamming {

// At most `wanted` centroids, row-major, for the codes of a sample that is not empty; at least one. There are
// fewer where the sample has fewer different codes, and some may be nobody's nearest.
std::vector<uint64_t> train_centroids(Rows sample, size_t wanted, Random *random, StopMemory *stop);

}  // namespace imagehash::hamming
