// What the planner and approximate scans are told of a tier: measured while it is built, with some of its
// codes as queries.
#pragma once

#include "hamming/clustering.h"
#include "index/build/row_store.h"
#include "index/build/tier_writer.h"

namespace imagehash::index {

struct StatisticsSample;

// Draws the queries.
StatisticsSample *start_statistics(RowStore *rows, int bits);
// For the participants of a parallel build: a sample is one piece of memory of that size, and a copy of it is
// a sample once it has been told so. Each adds its rows to a copy without any, and then the copies are added
// up.
Size statistics_size(const StatisticsSample *sample);
StatisticsSample *place_statistics(void *copy);
void merge_statistics(StatisticsSample *sample, const StatisticsSample *other);
// Every row of the tier, once.
void add_to_statistics(StatisticsSample *sample, const uint64 *codes, int count,
                       const hamming::Assignment *assignments, const hamming::Clustering &clustering);
TierStatistics finish_statistics(StatisticsSample *sample, const TierWriter &writer);
// Of a tier of which every page is read for every spec.
TierStatistics flat_statistics();

}  // namespace imagehash::index
