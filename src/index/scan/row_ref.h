// A row that a scan has found: its TID, where a pending page gave it, else where in a tier its TID is. The
// TIDs of a tier lie on pages of their own, and are read of rows that are returned.
#pragma once

#include "index/store/page.h"

namespace imagehash::index {

using RowRef = uint64;

constexpr int kTierShift = 32;
constexpr RowRef kOfTier = UINT64CONST(1) << 63;

inline RowRef row_with_tid(const ItemPointerData *stored) {
    return pack_tid(stored);
}
inline RowRef row_of_tier(int tier, uint32 number) {
    return kOfTier | static_cast<uint64>(tier) << kTierShift | number;
}
inline bool is_of_tier(RowRef row) {
    return (row & kOfTier) != 0;
}
inline int tier_of_row(RowRef row) {
    return static_cast<int>((row & ~kOfTier) >> kTierShift);
}
inline uint32 number_of_row(RowRef row) {
    return static_cast<uint32>(row);
}

}  // namespace imagehash::index
