// A page is locked for sharing while its entries are looked at: those within the threshold, as the kernel
// finds them, that pass the filters are handed out one by one.
#include "index/scan/visit.h"

extern "C" {
#include "access/visibilitymap.h"
}

namespace imagehash::index {

namespace {

struct PageVisit {
    IndexScanDesc scan;
    ScanState *state;
    Page page;
    const uint64 *query;
    int first_filter;
    FoundVisitor visit;
    void *visitor_state;
};

}  // namespace

static bool passes(const PageVisit &visit, int position, const ItemPointerData *tid) {
    const SearchSpec &spec = visit.state->spec;
    if (!passes_filters(spec, visit.first_filter, page_codes(visit.page), visit.state->layout.words,
                        position))
        return false;
    return passes_methods(spec, tid_method_unknown(tid));
}

// An entry is on the page while the page is locked, so vacuum has not yet come by here, nor cleaned the row
// from the table after that: if the visibility map says all see the row, they do. That of a retired page may
// be cleaned.
static bool is_all_visible(const PageVisit &visit, const ItemPointerData *row) {
    if (!visit.scan->xs_want_itup || page_trailer(visit.page)->retired != 0) return false;
    return VM_ALL_VISIBLE(visit.scan->heapRelation, ItemPointerGetBlockNumberNoCheck(row),
                          &visit.state->visibility_map);
}

static int block_start(int entry) {
    return entry / hamming::kBlock * hamming::kBlock;
}

// The kernel reads whole blocks of eight; the entries before a run belong to others.
static void visit_run(const PageVisit &visit, int start, int stop, int threshold) {
    hamming::Hit hits[kMaxEntries];
    const int words = visit.state->layout.words, first = block_start(start);
    size_t n = hamming::best_kernel().scan(page_codes(visit.page) + first * words, stop - first, words,
                                           visit.query, threshold, hits);
    for (size_t k = 0; k < n; k++) {
        int position = first + hits[k].position;
        if (position < start) continue;
        const ItemPointerData *tid = page_tid(visit.page, position);
        if (tid_is_removed(tid) || !passes(visit, position, tid)) continue;
        ItemPointerData row = row_tid(tid);
        Found found;
        found.tid = *tid;
        found.all_visible = is_all_visible(visit, &row);
        found.distance = hits[k].distance;
        found.code = page_codes(visit.page);
        found.position = position;
        visit.visit(found, visit.visitor_state);
    }
}

void visit_page(IndexScanDesc scan, const PageRuns &runs, const uint64 *query, const int *threshold,
                int first_filter, FoundVisitor visit_found, void *visitor_state) {
    ScanState *state = scan_state(scan);
    // Horizons fall: a page none of whose runs matters any more is not read.
    bool wanted = runs.whole;
    for (int r = 0; r < runs.count; r++) wanted = wanted || runs.runs[r].bound <= *threshold;
    if (!wanted) return;

    Buffer buffer =
        read_ref(scan->indexRelation, runs.page, runs.whole ? kPendingPage : kCodePage, state->layout.words);
    Page page = BufferGetPage(buffer);
    pg::test_for_old_snapshot(scan->xs_snapshot, scan->indexRelation, page);
    PageVisit visit = {scan, state, page, query, first_filter, visit_found, visitor_state};
    const int entries = page_count(page);
    if (runs.whole) visit_run(visit, 0, entries, *threshold);
    for (int r = 0; r < runs.count; r++) {
        const Run &run = runs.runs[r];
        if (run.stop > entries)
            report_corruption(
                scan->indexRelation, runs.page.block,
                psprintf("The page has %d entries, and a segment ends at %d.", entries, run.stop));
        if (run.bound <= *threshold) visit_run(visit, run.start, run.stop, *threshold);
    }
    UnlockReleaseBuffer(buffer);
}

}  // namespace imagehash::index
