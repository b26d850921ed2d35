// Merging: what is pending, and tiers that are small or have lost many entries, goes into larger tiers.
#pragma once

#include "index/store/meta.h"

namespace imagehash::index {

// Vacuum goes round the largest tier in so many parts.
constexpr int kPartsOfTier = 16;

enum class MergeWhen {
    full,   // the pending list has reached its limit (options.h)
    tidy,   // vacuum: also where less is pending, or a tier has lost a fifth of its entries
    go_on,  // vacuum, after a part of the largest tier: the next part, while that is of use
};

// The caller holds the structure lock. Does nothing where nothing is due. Returns whether a part of the
// largest tier was rewritten.
bool merge_if_due(Relation index, MergeWhen when);

}  // namespace imagehash::index
