// Reading one page for a scan.
#pragma once

#include "index/scan/scan_state.h"

namespace imagehash::index {

// A row that a page gave.
struct Found {
    RowRef row;
    bool all_visible;    // every snapshot sees the row; asked only for index-only scans, and of pending rows
    int distance;        // to the query, in an ordered scan
    const uint64 *code;  // blocked, on the page, which is open while one looks at it
    int position;
};
using FoundVisitor = void (*)(const Found &found, void *state);

// Reads the page, and calls `visit` for each entry that has a distance to `query` of at most *threshold, and
// passes the filters from `first_filter` on. Whether an entry of a tier is alive is found out with its TID.
// Runs whose bound is beyond *threshold are skipped.
void visit_page(IndexScanDesc scan, const PageRuns &page, const uint64 *query, const int *threshold,
                int first_filter, FoundVisitor visit, void *visitor_state);

// Whether an entry of a page that is locked points to a row that all see. An entry is on the page while the
// page is locked, so vacuum has not yet come by here, nor cleaned the row from the table after that: if the
// visibility map says all see the row, they do. That of a retired page may be cleaned.
bool is_all_visible(IndexScanDesc scan, Page page, const ItemPointerData *row);

}  // namespace imagehash::index
