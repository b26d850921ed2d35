// Entries within the threshold, as the kernel finds them, that pass the filters are handed out one by one,
// while the page is open.
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

bool is_all_visible(IndexScanDesc scan, Page page, const ItemPointerData *row) {
    if (!scan->xs_want_itup || page_trailer(page)->retired != 0) return false;
    return VM_ALL_VISIBLE(scan->heapRelation, ItemPointerGetBlockNumberNoCheck(row),
                          &scan_state(scan)->visibility_map);
}

static bool passes(const PageVisit &visit, int position) {
    return passes_filters(visit.state->spec, visit.first_filter, page_codes(visit.page),
                          visit.state->layout.words, position);
}

// Those of a group that is not full are the first ones.
static size_t find_hits(const PageVisit &visit, int start, int stop, int threshold, hamming::Hit *hits) {
    const int words = visit.state->layout.words;
    return hamming::best_kernel().scan(page_codes(visit.page) + start * words, stop - start, words,
                                       visit.query, threshold, hits);
}

static void visit_run(const PageVisit &visit, int tier, const Run &run, int threshold) {
    hamming::Hit hits[kMaxEntries];
    const size_t n = find_hits(visit, run.start, run.stop, threshold, hits);
    for (size_t k = 0; k < n; k++) {
        const int position = run.start + hits[k].position;
        if (!passes(visit, position)) continue;
        const Found found = {row_of_tier(tier, run.tid + hits[k].position), false, hits[k].distance,
                             page_codes(visit.page), position};
        visit.visit(found, visit.visitor_state);
    }
}

static void visit_pending(const PageVisit &visit, int threshold) {
    hamming::Hit hits[kMaxEntries];
    const size_t n = find_hits(visit, 0, page_count(visit.page), threshold, hits);
    for (size_t k = 0; k < n; k++) {
        const int position = hits[k].position;
        const ItemPointerData *tid = page_tid(visit.page, position);
        if (!passes(visit, position) || !passes_methods(visit.state->spec, tid_method_unknown(tid))) continue;
        const ItemPointerData row = row_tid(tid);
        const Found found = {row_with_tid(tid), is_all_visible(visit.scan, visit.page, &row),
                             hits[k].distance, page_codes(visit.page), position};
        visit.visit(found, visit.visitor_state);
    }
}

static void visit_code_page(PageVisit *visit, const PageRuns &runs, const int *threshold) {
    Relation index = visit->scan->indexRelation;
    const CodePage page = open_code_page(index, runs.page);
    visit->page = page.page;
    int codes = 0;
    for (int r = 0; r < runs.count; r++) {
        const Run &run = runs.runs[r];
        codes = Max(codes, run.stop);
        if (run.bound <= *threshold) visit_run(*visit, runs.tier, run, *threshold);
    }
    // What was found on a page that is not the one that is meant goes with the error.
    close_code_page(index, runs.page, visit->state->layout.words, codes, page);
}

void visit_page(IndexScanDesc scan, const PageRuns &runs, const uint64 *query, const int *threshold,
                int first_filter, FoundVisitor visit_found, void *visitor_state) {
    ScanState *state = scan_state(scan);
    PageVisit visit = {scan, state, nullptr, query, first_filter, visit_found, visitor_state};
    if (runs.whole) {
        Buffer buffer = read_ref(scan->indexRelation, runs.page, kPendingPage, state->layout.words);
        visit.page = BufferGetPage(buffer);
        pg::test_for_old_snapshot(scan->xs_snapshot, scan->indexRelation, visit.page);
        visit_pending(visit, *threshold);
        UnlockReleaseBuffer(buffer);
        return;
    }
    // Horizons fall: a page none of whose runs matters any more is not read.
    bool wanted = false;
    for (int r = 0; r < runs.count; r++) wanted = wanted || runs.runs[r].bound <= *threshold;
    if (wanted) visit_code_page(&visit, runs, threshold);
}

}  // namespace imagehash::index
