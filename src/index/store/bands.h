// How far an ordered scan reads before it is asked for more: what it goes by (scan/ordered_scan.cpp) and what
// its reading is expected to cost (planner/cost.cpp).
#pragma once

#include "pg/server/pg.h"

namespace imagehash::index {

// Rows of the first band, and how many times as many each further one has.
constexpr int64 kFirstBand = 128;
constexpr int64 kBandGrowth = 8;
// How many rows most searches ask for: a band is read for these, then for all of its own.
constexpr int64 kFewRows = 10;

}  // namespace imagehash::index
