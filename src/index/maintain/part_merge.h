// Merging by leaves: where the largest tier is clustered, the smaller ones have leaves with the same
// centroids in the same order, so that rows go from one to the other without being clustered or sorted anew,
// and into the largest tier part by part.
#pragma once

#include "index/maintain/merge_sources.h"

namespace imagehash::index {

// Merges the sources into one small tier. With `part_pages`, the rows of some leaves go into the largest tier
// instead: that many of its pages, from where the last part ended, are written anew without their dead
// entries, and all its others are shared by the tier that replaces it.
void merge_by_leaves(Relation index, const Meta &meta, const MergeSources &sources);

}  // namespace imagehash::index
