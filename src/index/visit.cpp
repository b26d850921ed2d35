// Reading pages for a scan; see scan.h.
#include "index/growing_array.h"
#include "index/scan.h"

#include <algorithm>

extern "C" {
#include "access/visibilitymap.h"
}

namespace imagehash::index {

void add_run(RunList *list, const Run &run) {
    make_room(&list->runs, list->count, &list->room);
    list->runs[list->count++] = run;
}

// A type and not a function, so that it becomes part of the sort's loops.
struct ComesBefore {
    static uint64 place(const Run &run) { return static_cast<uint64>(run.page.block) << 16 | run.start; }
    bool operator()(const Run &a, const Run &b) const { return place(a) < place(b); }
};

void sort_runs(RunList *list, int64 from) {
    Run *first = list->runs + from, *last = list->runs + list->count;
    if (!std::is_sorted(first, last, ComesBefore())) std::sort(first, last, ComesBefore());
}

void merge_runs(RunList *list, int64 middle) {
    sort_runs(list, middle);  // new pages may come from anywhere in the file
    std::inplace_merge(list->runs + list->next, list->runs + middle, list->runs + list->count, ComesBefore());
}

struct PageVisit {
    IndexScanDesc scan;
    ScanState *state;
    Page page;
    const uint64 *query;
    int first_filter;
    FoundVisitor visit;
    void *visitor_state;
};

static bool passes(const PageVisit &visit, int position, const ItemPointerData *tid) {
    const Question &question = visit.state->question;
    if (!passes_filters(question, visit.first_filter, page_codes(visit.page), visit.state->layout.words,
                        position))
        return false;
    return passes_methods(question, tid_method_unknown(tid));
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
        if (!tid_is_valid(tid) || !passes(visit, position, tid)) continue;
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

// The next page of the list, with the codes of all its runs.
static void prefetch_page(Relation index, const RunList *list, int words) {
    const int code_size = words * static_cast<int>(sizeof(uint64));
    for (int64 r = list->next;
         r < list->count && list->runs[r].page.block == list->runs[list->next].page.block; r++)
        prefetch_ref(index, list->runs[r].page, kCodesOffset + block_start(list->runs[r].start) * code_size,
                     list->runs[r].count * code_size);
}

void visit_page(IndexScanDesc scan, RunList *list, const uint64 *query, const int *threshold,
                int first_filter, FoundVisitor visit_found, void *visitor_state) {
    auto state = static_cast<ScanState *>(scan->opaque);
    const PageRef ref = list->runs[list->next].page;
    const bool whole = list->runs[list->next].count == 0;
    // Horizons fall: a page none of whose runs matters any more is not read.
    int64 end = list->next;
    bool wanted = false;
    for (; end < list->count && list->runs[end].page.block == ref.block; end++)
        wanted = wanted || list->runs[end].bound <= *threshold;
    int64 r = list->next;
    list->next = end;
    if (!wanted) return;
    prefetch_page(scan->indexRelation, list, state->layout.words);

    Buffer buffer = read_ref(scan->indexRelation, ref, whole ? kPendingPage : kCodePage, state->layout.words);
    Page page = BufferGetPage(buffer);
    PageVisit visit = {scan, state, page, query, first_filter, visit_found, visitor_state};
    const int entries = page_count(page);
    if (whole) visit_run(visit, 0, entries, *threshold);
    while (!whole && r < end) {
        // Runs that follow each other are read as one.
        int start = list->runs[r].start, stop = start;
        bool reached = false;
        for (; r < end && list->runs[r].start == stop; r++) {
            stop = list->runs[r].start + list->runs[r].count;
            reached = reached || list->runs[r].bound <= *threshold;
        }
        if (stop > entries)
            report_corruption(scan->indexRelation, ref.block,
                              psprintf("The page has %d entries, and a segment ends at %d.", entries, stop));
        if (reached) visit_run(visit, start, stop, *threshold);
    }
    UnlockReleaseBuffer(buffer);
}

}  // namespace imagehash::index
