// A tier's whole directory in memory, for a merge that takes some of its leaves over and rewrites others.
#pragma once

#include "index/store/directory.h"

namespace imagehash::index {

struct TierImage {
    Relation index;
    Tier tier;
    int words;
    uint64 *centroids;  // row-major
    TierDirectory *directory;
    PageRef *directory_pages;  // tier root pages too
    int64 directory_pages_count, directory_pages_room;
};

// In the current memory context. ERROR (index_corrupted) where the directory is not in order.
TierImage *load_image(Relation index, const Meta &meta, const Tier &tier);

inline const uint64 *centroid_of(const TierImage &image, uint32 leaf) {
    return image.centroids + static_cast<Size>(leaf) * image.words;
}

// Whether no page has rows both of this leaf or later ones and of leaves before it.
bool leaf_starts_pages(const TierImage &image, uint32 leaf);

// The pages that a leaf's codes, or TIDs, lie on, by their numbers in the tier; empty for a leaf without
// rows.
struct PageRange {
    uint32 first, end;
};
PageRange code_pages_of(const TierDirectory &directory, uint32 leaf);
PageRange tid_pages_of(const TierDirectory &directory, uint32 leaf);

}  // namespace imagehash::index
