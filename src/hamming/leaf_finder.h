// Finds leaves, of a clustering that was made earlier, for codes that come later: the same rule as when the
// clustering was made (clustering.h), from the centroids alone.
//
// Plain C++: must not include PostgreSQL, OpenCV or LibTorch.
#pragma once

#include <memory>

#include "hamming/clustering.h"

namespace imagehash::hamming {

class LeafFinder {
 public:
    // Over at least one centroid, which it copies; the first `tight_leaves` are of tight leaves. nullptr
    // where it was stopped. May throw std::bad_alloc.
    static std::unique_ptr<LeafFinder> make(Rows centroids, size_t tight_leaves, int radius_limit,
                                            StopFlag stop);

    // The nearest tight leaf within the radius limit, else the nearest loose one. Thread-safe.
    Assignment find(const uint64_t *code) const noexcept;

 private:
    LeafFinder() = default;

    std::unique_ptr<NearestCentroid> tight_, loose_;  // null where there are none of the kind
    uint32_t tight_leaves_ = 0;
    uint32_t radius_limit_ = 0;
};

}  // namespace imagehash::hamming
