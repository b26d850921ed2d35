// Rows to leaves: what each participant of a build does with its own rows once the leaves are known. The rows
// come back in the order of leaf and radius.
//
// Must not know how many participants there are.
#pragma once

#include "hamming/clustering.h"
#include "index/build/row_store.h"
#include "index/build/tier_statistics.h"

namespace imagehash::index {

constexpr int kRowsAtOnce = 1024;

struct AssignmentJob {
    RowStore *rows;
    const hamming::Clustering *clustering;
    Tuplesortstate *sort;
    int64 *leaf_counts;  // one for each leaf, added to
    StatisticsSample *statistics;
    pg_atomic_uint64 *done;  // rows, by all participants
    bool report_progress;
};

// A sort for assigned rows; `memory` in bytes.
Tuplesortstate *begin_assigned_sort(int64 memory, SortCoordinate coordinate);
void assign_rows(const AssignmentJob &job);

struct AssignedRow {
    uint32 leaf;
    uint16 radius;
    uint64 code[kMaxWords];
    ItemPointerData tid;
};
// False at the end. Before PostgreSQL 16 it leaves a copy of the row in the current memory context.
bool next_assigned_row(Tuplesortstate *sort, int words, AssignedRow *row);

}  // namespace imagehash::index
