// Finds the centroid nearest to a code: exactly among few, nearly so among many.
//
// Many centroids are grouped around super-centroids, about 2 sqrt(n) of them, and only the members of some
// near groups are looked at: of each lane's nearest group, in each of a few passes. Near super-centroids are
// put into different lanes and passes, so these are mostly the nearest groups, found without a selection,
// which would cost more than the groups it saves.
//
// Plain C++: must not include PostgreSQL, OpenCV or LibTorch. Construction may throw std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "hamming/codes.h"
#include "hamming/random.h"
#include "hamming/stop.h"

namespace imagehash::hamming {

struct Nearest {
    uint32_t centroid;
    uint32_t distance;  // the true one
};

class NearestCentroid {
 public:
    // Over at least one centroid, which it copies.
    NearestCentroid(Rows centroids, Random *random, StopMemory *stop);
    // Of nothing, to be read from an archive.
    explicit NearestCentroid(int words) : words_(words), centroids_(words) {}

    // Thread-safe.
    Nearest find(const uint64_t *code) const noexcept;

    // One for each row.
    std::vector<Nearest> find_all(Rows rows, StopMemory *stop) const;

    void archive(Archive *archive);

 private:
    struct Pass {
        BlockedCodes super_centroids;
        std::vector<uint32_t> group;  // of each place in super_centroids
    };

    void append_super_centroids(Rows super_centroids);

    int words_;
    std::vector<Pass> passes_;           // none: all centroids are looked at
    std::vector<uint32_t> first_block_;  // of each group in centroids_, and an end
    BlockedCodes centroids_;             // group by group, each from a new block on
    std::vector<uint32_t> number_;       // of the centroid in each place of centroids_
};

}  // namespace imagehash::hamming
