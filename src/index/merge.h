// Merging: what is pending, and tiers that are small or have lost many entries, becomes one new tier.
#pragma once

#include "index/meta.h"

namespace imagehash::index {

enum class MergeWhen {
    full,  // the pending list has reached its limit (options.h)
    tidy,  // vacuum: also where less is pending, or a tier has lost a fifth of its entries
};

// The caller holds the structure lock. Does nothing where nothing is due.
void merge(Relation index, MergeWhen when);

}  // namespace imagehash::index
