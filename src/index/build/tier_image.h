// A tier's whole directory in memory, for a merge that takes some of its leaves over and rewrites others.
#pragma once

#include "index/store/directory.h"

namespace imagehash::index {

struct LeafRow {
    uint16 rmin, rmax;
    uint32 first_segment, entries;
};

struct TierImage {
    Relation index;
    Tier tier;
    TierStatistics statistics;
    int words;
    uint64 *centroids;  // row-major
    LeafRow *leaves;
    Segment *segments;
    PageRef *pages;  // centroid, segment and code pages, in this order, and the tier roots
    int64 pages_count, pages_room;
    PageRef *roots;
    int64 roots_count, roots_room;
};

// In the current memory context. ERROR (index_corrupted) where the directory is not in order.
TierImage *load_image(Relation index, const Meta &meta, const Tier &tier);

inline const uint64 *centroid_of(const TierImage &image, uint32 leaf) {
    return image.centroids + static_cast<Size>(leaf) * image.words;
}
inline uint32 end_of_segments(const TierImage &image, uint32 leaf) {
    return leaf + 1 < image.tier.leaves ? image.leaves[leaf + 1].first_segment : image.tier.segments;
}

// Whether no page has codes both of this leaf or later ones and of leaves before it.
bool leaf_starts_page(const TierImage &image, uint32 leaf);

}  // namespace imagehash::index
