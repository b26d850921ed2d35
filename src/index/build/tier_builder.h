// Builds a tier of the rows of a store: samples, clusters, assigns each row to a leaf, sorts, writes.
#pragma once

#include "index/store/directory.h"
#include "index/build/row_store.h"

namespace imagehash::index {

// Phases of CREATE INDEX in pg_stat_progress_create_index, after PostgreSQL's own "initializing".
enum BuildPhase : int64 {
    kPhaseScan = 2,
    kPhaseCluster = 3,
    kPhaseAssign = 4,
    kPhaseSort = 5,
    kPhaseWrite = 6,
};
// The name of a phase; null where there is none of that number.
char *hamming_buildphasename(int64 phase);

struct TierPlan {
    Relation index;
    int bits;
    bool clustering;      // else rows stay in the order they come in
    uint32 *next_serial;  // where the index is being built: not logged page by page; else null
    bool report_progress;
    struct ParallelBuild *parallel;  // whose participants have scanned the rows, and assign them; or null
};

// Memory: what the rows leave of maintenance_work_mem for the sample and its clustering, then for the
// directory and the sort.
Tier build_tier(const TierPlan &plan, RowStore *rows);

}  // namespace imagehash::index
