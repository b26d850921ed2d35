// The reach of approximate scans (directory.h) after merges: measured anew where they have brought in many
// rows, or rows unlike those that were there.
//
// A measurement reads each page of codes once.
#pragma once

#include "index/build/recall_sample.h"

namespace imagehash::index {

// Once an eighth of the rows has come since the last measurement.
constexpr int64 kMeasuredFraction = 8;

// Whether new rows, row-major with `stride` words each, are unlike those that were measured: an eighth of
// some of them has fewer rows near it than any of the 192 (of rows like those one in two hundred has). By the
// leaves of the tier.
bool rows_are_unlike(const TierImage &tier, int bits, const uint64 *rows, int64 count, int stride);

// Of the largest tier and the smaller one, which shares its leaves and may be empty. All codes are written,
// the directories need not be.
RecallReach measure_reach(const TierWriter &largest, const TierWriter &smaller, int bits);

}  // namespace imagehash::index
