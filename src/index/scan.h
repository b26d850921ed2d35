// State of an index scan, shared by scan.cpp and ordered_scan.cpp.
#pragma once

#include "index/page.h"
#include "index/question.h"

namespace imagehash::index {

// No page has more entries: codes of one word, or none.
constexpr int kMaxEntries = (BLCKSZ - kCodesOffset) / sizeof(ItemPointerData);

enum class Phase { start, ordered, unordered };

struct ScanState {
    MemoryContext context;  // what a rescan forgets
    Filter *filters;
    Question question;
    Layout layout;
    Phase phase;

    // Unordered: page by page.
    BlockNumber next_block;
    BlockNumber blocks;
    ItemPointer page_tids;
    int page_tids_count;
    int page_tids_next;
    bool on_null_page;
    bool nulls_come_later;

    // Ordered: a band of candidates after the other, nearest first, then one sort.
    uint64 *band;  // packed distance and TID, see ordered_scan.cpp
    int64 band_count;
    int64 band_next;
    int64 band_room;    // allocated
    int64 band_target;  // rows the next band is to have at least
    int done_through;   // distances up to this one are served; -1 at first
    Tuplesortstate *sort;

    // Index-only: see is_visible() in scan.cpp.
    TupleTableSlot *slot;
};

// Makes ready for next_in_order().
void start_bands(ScanState *state);

// The next row by distance, into scan->xs_heaptid; false when all rows that have a distance are served.
bool next_in_order(IndexScanDesc scan, int *distance);

}  // namespace imagehash::index
