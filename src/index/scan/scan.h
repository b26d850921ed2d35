// State of an index scan, shared by scan.cpp, ordered_scan.cpp and visit.cpp.
#pragma once

#include "index/store/directory_cache.h"
#include "index/scan/search_spec.h"
#include "index/scan/segment_walk.h"

namespace imagehash::index {

// A row that a page gave.
struct Found {
    ItemPointerData tid;  // as the index stores it
    bool all_visible;     // every snapshot sees the row; asked only for index-only scans
    int distance;         // to the query, in an ordered scan
    const uint64 *code;   // blocked, on the page, which is locked while one looks at it
    int position;
};
using FoundVisitor = void (*)(const Found &found, void *state);

struct OrderedScan;

enum class Phase { start, ordered, unordered, nulls };

struct ScanState {
    MemoryContext context;  // what a rescan forgets
    Filter *filters;
    SearchSpec spec;
    Meta meta;
    Layout layout;
    Phase phase;
    bool nulls_come_later;

    Directory directory;
    uint16 *query_distances;   // of the leaves' centroids to the query
    int16 *filter_bounds;      // of each leaf: 0, or kNever where the filters rule it out
    uint16 *filter_distances;  // of the leaves' centroids to the first filter; null without filters
    SegmentWalk walk;
    OrderedScan *ordered;
    BlockNumber next_null_block;
    BlockNumber blocks;
    bool is_heap;             // or may be: a bitmap scan is not told the table
    BlockNumber heap_blocks;  // that the table has at least

    // Rows of the page that was read last, in no order.
    ItemPointer rows;
    bool *rows_visible;
    uint64 *rows_codes;  // row-major; where the scan returns the hash
    int rows_count;
    int rows_next;

    // The row that is returned.
    bool row_is_null;
    bool row_all_visible;
    const uint64 *row_code;

    // Index-only: see scan.cpp.
    TupleTableSlot *slot;
    Buffer visibility_map;
    MemoryContext row_context;
};

// Reads the page, and calls `visit` for each entry that is alive, has a distance to `query` of at most
// *threshold, and passes the filters from `first_filter` on. Runs whose bound is beyond *threshold are
// skipped.
void visit_page(IndexScanDesc scan, const PageRuns &page, const uint64 *query, const int *threshold,
                int first_filter, FoundVisitor visit, void *visitor_state);

// ERROR (index_corrupted) where the TID of an entry, as the index stores it, is none that a row can have. For
// rows that are handed out: a search finds many more.
void check_row(IndexScanDesc scan, const ItemPointerData *stored);

void start_ordered(IndexScanDesc scan);
// The next row by distance; false when all rows that have a distance are served.
bool next_in_order(IndexScanDesc scan, ItemPointer tid, int *distance);

}  // namespace imagehash::index
