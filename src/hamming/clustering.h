// Divides codes into leaves, each around a centroid, so that an index can rule out most leaves by the
// triangle inequality.
//
// What decides is that a tight leaf takes no code farther from its centroid than a radius limit: a single
// outlier would make a whole part of the leaf unprunable. What no tight leaf takes goes to loose leaves,
// which hold about a page of codes each. Exactness of a search depends on none of this: any leaf is right for
// any code as long as the radius is true.
//
// Plain C++: must not include PostgreSQL, OpenCV or LibTorch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "hamming/nearest_centroid.h"

namespace imagehash::hamming {

struct ClusteringOptions {
    int words;              // 64-bit words of a code
    int bits;               // of a code; the rest of the last word is zero
    uint64_t total;         // codes that will be assigned: the sample stands for so many
    double codes_per_leaf;  // wanted, of tight leaves
    int page_capacity;      // codes of a page: the size of a loose leaf
    uint64_t seed;
};

struct Assignment {
    uint32_t leaf;
    uint16_t radius;  // true distance to the leaf's centroid; at most radius_limit() in a tight leaf
};

// Leaves in an order in which near ones are neighbors: first the tight ones, then the loose ones, of which
// there is at least one.
class Clustering {
 public:
    size_t leaves() const { return centroids_.size() / words_; }
    size_t tight_leaves() const { return tight_leaves_; }
    int radius_limit() const { return radius_limit_; }
    int words() const { return words_; }
    const uint64_t *centroid(size_t leaf) const { return centroids_.data() + leaf * words_; }

    // Assigns codes, row-major. Never throws or allocates; thread-safe.
    void assign(const uint64_t *codes, size_t count, Assignment *assignments) const noexcept;

    // As bytes, with which another process that runs the same program assigns alike.
    size_t packed_size() const noexcept;
    void pack(char *bytes) const noexcept;
    // May throw std::bad_alloc.
    static std::unique_ptr<Clustering> unpack(const char *bytes);

 private:
    friend class ClusteringBuilder;

    // The leaves of a round of clustering. A round clusters what the rounds before it rejected.
    struct Round {
        NearestCentroid nearest;
        std::vector<uint32_t> leaf;  // of each centroid
    };

    Clustering() = default;
    Assignment assign(const uint64_t *code) const noexcept;
    void archive(Archive *archive);

    int words_ = 0;
    int radius_limit_ = 0;
    size_t tight_leaves_ = 0;
    std::vector<uint64_t> centroids_;
    std::vector<Round> rounds_;  // the last is that of the loose leaves
};

// Bytes that clustering takes at most for each code of the sample, the sample included.
size_t clustering_memory_per_code(int words);

// Clusters a sample, row-major; 32 codes for each leaf wanted are enough, and it should be drawn from all
// codes evenly. An empty one gives a single leaf. The same seed and sample give the same leaves on every
// machine. The flag is asked every few milliseconds; once it says yes the result is nullptr.
// May throw std::bad_alloc.
std::unique_ptr<Clustering> cluster(const uint64_t *sample, size_t sample_count,
                                    const ClusteringOptions &options, StopFlag stop);

}  // namespace imagehash::hamming
