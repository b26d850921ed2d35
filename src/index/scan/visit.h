// Reading one page for a scan.
#pragma once

#include "index/scan/scan_state.h"

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

// Reads the page, and calls `visit` for each entry that is alive, has a distance to `query` of at most
// *threshold, and passes the filters from `first_filter` on. Runs whose bound is beyond *threshold are
// skipped.
void visit_page(IndexScanDesc scan, const PageRuns &page, const uint64 *query, const int *threshold,
                int first_filter, FoundVisitor visit, void *visitor_state);

}  // namespace imagehash::index
