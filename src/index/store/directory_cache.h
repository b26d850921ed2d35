// Directories of tiers, kept by the backend from one scan to the next.
//
// A tier's directory never changes, and no two tiers have the same id, so what is kept needs no invalidation:
// the meta page, which every scan reads, says which tiers there are.
#pragma once

#include "index/store/directory.h"

namespace imagehash::index {

// The tier's directory, for as long as the current memory context is neither reset nor deleted. Kept after
// that while imagehash.directory_cache has room; those not used for longest leave first.
TierDirectory *cached_tier(Relation index, const Tier &tier, int words, int bits);

// Without reading all leaves where the tier is not kept.
TierStatistics cached_statistics(Relation index, const Tier &tier);

}  // namespace imagehash::index
