// The state of an index scan, which the files of this room share.
#pragma once

#include "index/scan/leaf_walk.h"
#include "index/scan/row_ref.h"
#include "index/scan/search_spec.h"
#include "index/store/directory.h"

namespace imagehash::index {

struct OrderedScan;

// Rows of a known method come first only where PostgreSQL is to raise an error at them.
enum class Phase { start, known_first, ordered, unordered, nulls };

struct ScanState {
    MemoryContext context;  // what a rescan forgets
    Filter *filters;
    SearchSpec spec;
    Meta meta;
    Layout layout;
    Phase phase;
    bool nulls_come_later;
    bool known_only;  // of the spec, after the phase known_first

    Directory directory;
    uint16 *query_distances;   // of the leaves' centroids to the query
    int16 *filter_bounds;      // of each leaf: 0, or kNever where the filters rule it out
    uint16 *filter_distances;  // of the leaves' centroids to the first filter; null without filters
    LeafWalk walk;
    OrderedScan *ordered;
    BlockNumber next_null_block;
    BlockNumber blocks;
    bool is_heap;             // or may be: a bitmap scan is not told the table
    BlockNumber heap_blocks;  // that the table has at least

    // Rows of the page that was read last, in no order.
    RowRef *rows;  // TIDs by the time they are handed out
    bool *rows_visible;
    uint64 *rows_codes;  // row-major; where the scan returns the hash
    int rows_count;
    int rows_next;

    // The row that is returned.
    bool row_is_null;
    bool row_all_visible;
    const uint64 *row_code;

    // Of an index-only scan, which judges itself what is visible.
    TupleTableSlot *slot;
    Buffer visibility_map;
    MemoryContext row_context;
};

inline ScanState *scan_state(IndexScanDesc scan) {
    return static_cast<ScanState *>(scan->opaque);
}

}  // namespace imagehash::index
