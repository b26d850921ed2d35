// Index scans: rows in order of distance, in no order, or as a bitmap.
//
// PostgreSQL does not tell an index how many rows it wants, so an ordered scan works in bands: a pass over
// all pages keeps the nearest rows, about 64; when the executor has taken those and wants more, another pass
// keeps the next 256, and so on; a band always ends between two distances, so the passes neither lose nor
// repeat a row. When a band would be a large part of the index, or does not fit work_mem (many equal hashes),
// one pass sorts all the rest in a tuplesort.
//
// Why passes at different times agree: entries never move between pages, what is inserted after the scan's
// snapshot is invisible to it, and what vacuum removes was dead to it. For a snapshot that is not MVCC a TID
// may have been reused, so there the row is rechecked. No lock or pin is held between calls.
#include "index/scan.h"

#include "index/access_method.h"

extern "C" {
#include "access/tableam.h"
#include "executor/tuptable.h"
#include "nodes/tidbitmap.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
}

namespace imagehash::index {

IndexScanDesc hamming_beginscan(Relation index, int nkeys, int norderbys) {
    IndexScanDesc scan = RelationGetIndexScan(index, nkeys, norderbys);
    auto state = static_cast<ScanState *>(palloc0(sizeof(ScanState)));
    state->context = AllocSetContextCreate(CurrentMemoryContext, "hamming scan", ALLOCSET_DEFAULT_SIZES);
    state->filters = static_cast<Filter *>(palloc(sizeof(Filter) * Max(nkeys, 1)));
    if (norderbys > 0) {
        scan->xs_orderbyvals = static_cast<Datum *>(palloc0(sizeof(Datum) * norderbys));
        scan->xs_orderbynulls = static_cast<bool *>(palloc0(sizeof(bool) * norderbys));
    }
    scan->opaque = state;
    return scan;
}

static void forget_progress(ScanState *state) {
    if (state->sort != nullptr) tuplesort_end(state->sort);
    state->sort = nullptr;
    MemoryContextReset(state->context);
    state->band = nullptr;
    state->page_tids = nullptr;
}

void hamming_rescan(IndexScanDesc scan, ScanKey keys, int /* nkeys */, ScanKey orderbys,
                    int /* norderbys */) {
    auto state = static_cast<ScanState *>(scan->opaque);
    if (keys != nullptr && scan->numberOfKeys > 0)
        memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
    if (orderbys != nullptr && scan->numberOfOrderBys > 0)
        memmove(scan->orderByData, orderbys, scan->numberOfOrderBys * sizeof(ScanKeyData));
    forget_progress(state);
    state->phase = Phase::start;
}

void hamming_endscan(IndexScanDesc scan) {
    auto state = static_cast<ScanState *>(scan->opaque);
    forget_progress(state);
    if (state->slot != nullptr) ExecDropSingleTupleTableSlot(state->slot);
    MemoryContextDelete(state->context);
    pfree(state->filters);
    pfree(state);
}

static void start_scan(IndexScanDesc scan) {
    auto state = static_cast<ScanState *>(scan->opaque);
    pg::count_index_scan(scan);
    Meta meta = read_meta(scan->indexRelation);
    state->layout = Layout::of_words(meta.words());
    make_question(meta, scan, state->filters, &state->question);
    state->next_block = kFirstDataBlock;
    state->blocks = RelationGetNumberOfBlocks(scan->indexRelation);
    state->page_tids = static_cast<ItemPointer>(
        MemoryContextAlloc(state->context, sizeof(ItemPointerData) * Layout::of_words(0).capacity));
    state->page_tids_count = state->page_tids_next = 0;
    state->on_null_page = false;
    // Rows without a distance come after those that have one.
    state->nulls_come_later = false;
    if (scan->numberOfOrderBys > 0 && !state->question.null_query && state->question.codes) {
        state->nulls_come_later = state->question.nulls;
        state->question.nulls = false;
    }
    if (state->question.by_distance && state->question.codes) {
        start_bands(state);
        state->phase = Phase::ordered;
    } else {
        state->phase = Phase::unordered;
    }
}

// Copies the TIDs on the page that are answers, without order, to state->page_tids.
static void collect_page(ScanState *state, Page page) {
    const Question &question = state->question;
    const PageTrailer *trailer = page_trailer(page);
    Layout layout = Layout::of_words(trailer->words);
    ItemPointer tids = page_tids(page, layout);
    state->page_tids_count = state->page_tids_next = 0;
    if (trailer->kind == kNullPage) {
        if (!question.nulls) return;
        memcpy(state->page_tids, tids, trailer->count * sizeof(ItemPointerData));
        state->page_tids_count = trailer->count;
        return;
    }
    if (!question.codes) return;
    static const uint64 no_code[kMaxWords] = {};
    bool filtered = question.filters_count > 0;
    hamming::Hit hits[kMaxEntries];
    size_t n = hamming::best_kernel().scan(page_codes(page), trailer->count, layout.words,
                                           filtered ? question.filters[0].code : no_code,
                                           filtered ? question.filters[0].radius : pg::kMaxBits, hits);
    for (size_t k = 0; k < n; k++)
        if (passes_filters(question, 1, page, layout, hits[k].position))
            state->page_tids[state->page_tids_count++] = tids[hits[k].position];
}

// Goes on to the next page that has answers; false at the end.
static bool next_page(IndexScanDesc scan) {
    auto state = static_cast<ScanState *>(scan->opaque);
    while (state->next_block < state->blocks) {
        CHECK_FOR_INTERRUPTS();
        Buffer buffer =
            read_page(scan->indexRelation, state->next_block++, state->layout.words, BUFFER_LOCK_SHARE);
        collect_page(state, BufferGetPage(buffer));
        state->on_null_page = page_trailer(BufferGetPage(buffer))->kind == kNullPage;
        UnlockReleaseBuffer(buffer);
        if (state->page_tids_count > 0) return true;
    }
    return false;
}

static bool next_unordered(IndexScanDesc scan) {
    auto state = static_cast<ScanState *>(scan->opaque);
    if (state->page_tids_next == state->page_tids_count && !next_page(scan)) return false;
    scan->xs_heaptid = state->page_tids[state->page_tids_next++];
    return true;
}

static bool next_in_phase(IndexScanDesc scan, int *distance) {
    auto state = static_cast<ScanState *>(scan->opaque);
    if (state->phase == Phase::ordered) return next_in_order(scan, distance);
    // Below every distance: where rows are rechecked, all of them are before the first is returned, as in a
    // sort.
    *distance = -1;
    return next_unordered(scan);
}

static void set_order_values(IndexScanDesc scan, int distance, bool is_null) {
    int order_key = static_cast<ScanState *>(scan->opaque)->question.order_key;
    for (int i = 0; i < scan->numberOfOrderBys; i++) {
        // What is rechecked needs only a lower bound.
        scan->xs_orderbyvals[i] = Int32GetDatum(i == order_key ? distance : 0);
        scan->xs_orderbynulls[i] = is_null || i < order_key;
    }
}

// The next row, into scan->xs_heaptid, with what belongs to it.
static bool next_row(IndexScanDesc scan) {
    auto state = static_cast<ScanState *>(scan->opaque);
    int distance;
    while (!next_in_phase(scan, &distance)) {
        if (!state->nulls_come_later) return false;
        state->nulls_come_later = false;
        state->question.nulls = true;
        state->question.codes = false;
        state->next_block = kFirstDataBlock;
        state->phase = Phase::unordered;
    }
    set_order_values(scan, distance, state->on_null_page || state->question.null_query);
    return true;
}

// A query that needs no column, as count(*), becomes an index-only scan although this access method returns
// no columns. PostgreSQL then believes the visibility map, which is right only while the index page stays
// pinned; we keep no pins (and a standby would not respect them). So rows are looked up here, and only
// visible ones are returned.
static bool is_visible(IndexScanDesc scan) {
    auto state = static_cast<ScanState *>(scan->opaque);
    if (state->slot == nullptr) {
        MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(state));
        bool is_null[INDEX_MAX_KEYS];
        Datum values[INDEX_MAX_KEYS] = {};
        memset(is_null, true, sizeof is_null);
        state->slot = table_slot_create(scan->heapRelation, nullptr);
        scan->xs_itupdesc = RelationGetDescr(scan->indexRelation);
        scan->xs_itup = index_form_tuple(scan->xs_itupdesc, values, is_null);  // nobody reads it
        MemoryContextSwitchTo(old);
    }
    bool call_again = false;
    ItemPointerData tid = scan->xs_heaptid;  // may be moved along an update chain
    bool visible = table_index_fetch_tuple(scan->xs_heapfetch, &tid, scan->xs_snapshot, state->slot,
                                           &call_again, nullptr);
    ExecClearTuple(state->slot);
    return visible;
}

bool hamming_gettuple(IndexScanDesc scan, ScanDirection direction) {
    auto state = static_cast<ScanState *>(scan->opaque);
    Assert(ScanDirectionIsForward(direction));
    (void)direction;
    if (state->phase == Phase::start) start_scan(scan);

    scan->xs_recheck = state->question.recheck || !IsMVCCSnapshot(scan->xs_snapshot);
    scan->xs_recheckorderby = state->question.recheck_order;
    while (next_row(scan))
        if (!scan->xs_want_itup || is_visible(scan)) return true;
    return false;
}

int64 hamming_getbitmap(IndexScanDesc scan, TIDBitmap *bitmap) {
    auto state = static_cast<ScanState *>(scan->opaque);
    if (state->phase == Phase::start) start_scan(scan);
    int64 count = 0;
    while (next_page(scan)) {
        tbm_add_tuples(bitmap, state->page_tids, state->page_tids_count, state->question.recheck);
        count += state->page_tids_count;
    }
    return count;
}

}  // namespace imagehash::index
