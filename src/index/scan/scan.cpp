// Index scans: rows in order of distance (ordered_scan.cpp), in no order, or as a bitmap; last those without
// a distance.
//
// A scan copies the meta page, and with it sees the index as it was then: pages that leave it later stay as
// they are while a snapshot that is older can look at them. What is inserted after the scan's snapshot is
// invisible to it, and what vacuum removes was dead to it. For a snapshot that is not MVCC a TID may have
// been reused, so there the row is rechecked. No lock or pin on the index is held between calls.
#include "index/scan/scan.h"

#include "hamming/bounds.h"
#include "index/scan/arena.h"
#include "index/scan/ordered_scan.h"
#include "index/scan/stray_rows.h"
#include "index/scan/tids.h"
#include "index/store/directory_cache.h"
#include "index/store/entry.h"
#include "index/store/test_point.h"

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
    state->row_context = AllocSetContextCreate(CurrentMemoryContext, "hamming row", ALLOCSET_SMALL_SIZES);
    state->visibility_map = InvalidBuffer;
    state->filters = static_cast<Filter *>(palloc(sizeof(Filter) * Max(nkeys, 1)));
    if (norderbys > 0) {
        scan->xs_orderbyvals = static_cast<Datum *>(palloc0(sizeof(Datum) * norderbys));
        scan->xs_orderbynulls = static_cast<bool *>(palloc0(sizeof(bool) * norderbys));
    }
    scan->opaque = state;
    return scan;
}

static void forget_progress(ScanState *state) {
    MemoryContextReset(state->context);
    MemoryContextReset(state->row_context);
    state->ordered = nullptr;
    state->rows = nullptr;
    state->rows_count = state->rows_next = 0;
    if (BufferIsValid(state->visibility_map)) ReleaseBuffer(state->visibility_map);
    state->visibility_map = InvalidBuffer;
}

void hamming_rescan(IndexScanDesc scan, ScanKey keys, int /* nkeys */, ScanKey orderbys,
                    int /* norderbys */) {
    ScanState *state = scan_state(scan);
    if (keys != nullptr && scan->numberOfKeys > 0)
        memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
    if (orderbys != nullptr && scan->numberOfOrderBys > 0)
        memmove(scan->orderByData, orderbys, scan->numberOfOrderBys * sizeof(ScanKeyData));
    forget_progress(state);
    state->phase = Phase::start;
}

void hamming_endscan(IndexScanDesc scan) {
    ScanState *state = scan_state(scan);
    forget_progress(state);
    if (state->slot != nullptr) ExecDropSingleTupleTableSlot(state->slot);
    MemoryContextDelete(state->row_context);
    MemoryContextDelete(state->context);
    pfree(state->filters);
    pfree(state);
}

// --- start ----------------------------------------------------------------------------------------

// Leaves that a filter rules out get the bound kNever, the others 0.
static void bound_by_filters(ScanState *state) {
    const Directory &directory = state->directory;
    const SearchSpec &spec = state->spec;
    auto bounds = static_cast<int16 *>(arena_alloc(state->context, sizeof(int16) * directory.leaves));
    auto distances = static_cast<uint16 *>(arena_alloc(state->context, sizeof(uint16) * directory.leaves));
    memset(bounds, 0, sizeof(int16) * directory.leaves);
    // The first filter comes last: its distances are kept.
    for (int f = spec.filters_count - 1; f >= 0; f--) {
        centroid_distances(directory, spec.filters[f].code, distances);
        for (int t = 0; t < directory.tiers_count; t++) {
            const TierView &view = directory.tiers[t];
            hamming::rule_out(distances + view.first_leaf, view.leaves->rmin, view.leaves->rmax,
                              view.leaves->leaves, spec.filters[f].radius, kNever, bounds + view.first_leaf);
        }
    }
    state->filter_bounds = bounds;
    state->filter_distances = spec.filters_count > 0 ? distances : nullptr;
}

static void load_leaves(IndexScanDesc scan, bool ordered) {
    ScanState *state = scan_state(scan);
    Directory *directory = &state->directory;
    make_directory(scan->indexRelation, state->meta, cached_tier, directory);
    // An ordered scan has bounds of its own.
    if (!ordered || state->spec.filters_count > 0) bound_by_filters(state);
    state->query_distances = nullptr;
    if (!ordered) return;
    state->query_distances =
        static_cast<uint16 *>(arena_alloc(state->context, sizeof(uint16) * directory->leaves));
    centroid_distances(*directory, state->spec.query, state->query_distances);
}

static void start_codes(IndexScanDesc scan, Phase phase) {
    ScanState *state = scan_state(scan);
    state->phase = phase;
    load_leaves(scan, phase == Phase::ordered);
    TEST_POINT("scan-directory-read");
    if (phase == Phase::ordered)
        start_ordered(scan);
    else  // everything that the filters leave over
        state->walk.begin(&state->directory, &state->meta, state->filter_distances, state->filter_bounds, -1);
}

static Phase main_phase(const SearchSpec &spec) {
    return spec.by_distance ? Phase::ordered : Phase::unordered;
}

static void start_known_first(IndexScanDesc scan) {
    ScanState *state = scan_state(scan);
    state->known_only = state->spec.known_only;
    state->spec.known_only = true;
    start_codes(scan, Phase::known_first);
}

// After the rows of a known method, none of which raised an error.
static void start_unknown(IndexScanDesc scan) {
    ScanState *state = scan_state(scan);
    state->spec.known_only = state->known_only;
    state->spec.unknown_only = true;
    MemoryContext old = MemoryContextSwitchTo(state->context);
    start_codes(scan, main_phase(state->spec));
    MemoryContextSwitchTo(old);
}

static void start_scan(IndexScanDesc scan) {
    ScanState *state = scan_state(scan);
    pg::count_index_scan(scan);
    read_meta(scan->indexRelation, &state->meta, scan->xs_snapshot);
    TEST_POINT("scan-meta-read");
    state->layout = Layout::of_words(state->meta.words());
    state->is_heap = !scan->heapRelation || scan->heapRelation->rd_tableam == GetHeapamTableAmRoutine();
    make_search_spec(state->meta, scan, state->filters, &state->spec);
    state->next_null_block = kFirstBlock;
    state->blocks = RelationGetNumberOfBlocks(scan->indexRelation);
    MemoryContext old = MemoryContextSwitchTo(state->context);
    state->rows = static_cast<RowRef *>(palloc(sizeof(RowRef) * kMaxEntries));
    state->rows_visible = static_cast<bool *>(palloc(kMaxEntries));
    state->rows_codes =
        scan->xs_want_itup
            ? static_cast<uint64 *>(palloc(sizeof(uint64) * Max(state->layout.words, 1) * kMaxEntries))
            : nullptr;
    // Rows without a distance come after those that have one.
    state->nulls_come_later = state->spec.nulls;
    state->phase = Phase::nulls;
    if (state->spec.codes && state->spec.known_first)
        start_known_first(scan);
    else if (state->spec.codes)
        start_codes(scan, main_phase(state->spec));
    else if (!state->spec.nulls)
        state->blocks = 0;
    MemoryContextSwitchTo(old);
}

// Goes on to what comes after the phase; false at the end of the scan.
static bool next_phase(IndexScanDesc scan) {
    ScanState *state = scan_state(scan);
    if (state->phase == Phase::known_first) {
        start_unknown(scan);
        return true;
    }
    if (state->phase == Phase::nulls || !state->nulls_come_later) return false;
    state->phase = Phase::nulls;
    return true;
}

// --- rows in no order -----------------------------------------------------------------------------

static void keep_row(const Found &found, void *state_pointer) {
    auto state = static_cast<ScanState *>(state_pointer);
    int i = state->rows_count++;
    state->rows[i] = found.row;
    state->rows_visible[i] = found.all_visible;
    if (state->rows_codes != nullptr && found.code != nullptr)
        load_code(found.code, state->layout.words, found.position,
                  state->rows_codes + i * state->layout.words);
}

static void read_null_page(IndexScanDesc scan, BlockNumber block) {
    ScanState *state = scan_state(scan);
    Buffer buffer = read_page(scan->indexRelation, block, kAnyWords, BUFFER_LOCK_SHARE);
    Page page = BufferGetPage(buffer);
    pg::test_for_old_snapshot(scan->xs_snapshot, scan->indexRelation, page);
    if (!PageIsNew(page) && page_trailer(page)->kind == kNullPage)
        for (int i = 0; i < page_count(page); i++)
            keep_row({row_with_tid(page_tid(page, i)), false, 0, nullptr, 0}, state);
    UnlockReleaseBuffer(buffer);
}

// Goes on to the next page that has answers; false at the end of the phase.
static bool next_page(IndexScanDesc scan) {
    static const uint64 no_code[kMaxWords] = {};
    ScanState *state = scan_state(scan);
    const SearchSpec &spec = state->spec;
    state->rows_count = state->rows_next = 0;
    const bool filtered = spec.filters_count > 0;
    const int threshold = filtered ? spec.filters[0].radius : pg::kMaxBits;
    while (state->rows_count == 0) {
        CHECK_FOR_INTERRUPTS();
        const bool of_codes = state->phase == Phase::unordered || state->phase == Phase::known_first;
        const PageRuns *page = of_codes ? state->walk.next_page(threshold) : nullptr;
        if (page != nullptr) {
            visit_page(scan, *page, filtered ? spec.filters[0].code : no_code, &threshold, 1, keep_row,
                       state);
            state->rows_count =
                fetch_tids(scan, state->rows, state->rows_visible, state->rows_codes, state->rows_count);
        } else if (state->phase == Phase::nulls && state->next_null_block < state->blocks) {
            read_null_page(scan, state->next_null_block++);
        } else {
            return false;
        }
    }
    return true;
}

static bool next_unordered(IndexScanDesc scan, ItemPointer tid) {
    ScanState *state = scan_state(scan);
    if (state->rows_next == state->rows_count && !next_page(scan)) return false;
    int i = state->rows_next++;
    unpack_tid(state->rows[i], tid);
    check_row(scan, tid);
    state->row_all_visible = state->rows_visible[i];
    if (state->rows_codes != nullptr) state->row_code = state->rows_codes + i * state->layout.words;
    return true;
}

static bool next_in_phase(IndexScanDesc scan, ItemPointer tid, int *distance) {
    ScanState *state = scan_state(scan);
    if (state->phase == Phase::ordered) {
        if (!next_in_order(scan, tid, distance)) return false;
        check_row(scan, tid);
        return true;
    }
    *distance = -1;  // below every distance
    return next_unordered(scan, tid);
}

static void set_order_values(IndexScanDesc scan, int distance, bool is_null) {
    const InputType type = input_type(scan->indexRelation);
    int order_key = scan_state(scan)->spec.order_key;
    for (int i = 0; i < scan->numberOfOrderBys; i++) {
        // What is rechecked needs only a lower bound.
        scan->xs_orderbyvals[i] = make_distance(type, i == order_key ? distance : 0);
        scan->xs_orderbynulls[i] = is_null || i < order_key;
    }
}

// The next row, into scan->xs_heaptid, with what belongs to it; *tid as the index has it.
static bool next_row(IndexScanDesc scan, ItemPointer tid) {
    ScanState *state = scan_state(scan);
    int distance;
    while (!next_in_phase(scan, tid, &distance))
        if (!next_phase(scan)) return false;
    scan->xs_heaptid = row_tid(tid);
    // Not at a row where an error is to be raised: a recheck comes before PostgreSQL's other conditions.
    scan->xs_recheckorderby = state->spec.recheck_order && state->phase != Phase::known_first;
    state->row_is_null = state->phase == Phase::nulls;
    set_order_values(scan, distance, state->row_is_null || state->spec.null_query);
    return true;
}

// --- index-only scans -----------------------------------------------------------------------------
//
// PostgreSQL believes the visibility map when it gets a row, which is right only while the index page stays
// pinned; we keep no pins, and a standby would not respect them. So rows are judged here, and only visible
// ones are returned: by the visibility map as it was while the entry's page was locked (visit.cpp), else by a
// look at the row.

static bool is_visible(IndexScanDesc scan) {
    ScanState *state = scan_state(scan);
    if (state->row_all_visible) return true;
    if (state->slot == nullptr) {
        MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(state));
        state->slot = table_slot_create(scan->heapRelation, nullptr);
        MemoryContextSwitchTo(old);
    }
    bool call_again = false;
    ItemPointerData tid = scan->xs_heaptid;  // may be moved along an update chain
    bool visible = table_index_fetch_tuple(scan->xs_heapfetch, &tid, scan->xs_snapshot, state->slot,
                                           &call_again, nullptr);
    ExecClearTuple(state->slot);
    return visible;
}

// PostgreSQL cannot recheck the order of an index-only scan.
static void compute_order(IndexScanDesc scan, Datum value, bool is_null) {
    for (int i = 0; i < scan->numberOfOrderBys; i++) {
        ScanKey key = &scan->orderByData[i];
        scan->xs_orderbynulls[i] = is_null || (key->sk_flags & SK_ISNULL) != 0;
        if (!scan->xs_orderbynulls[i])
            scan->xs_orderbyvals[i] =
                FunctionCall2Coll(&key->sk_func, key->sk_collation, value, key->sk_argument);
    }
    scan->xs_recheckorderby = false;
}

static void return_value(IndexScanDesc scan, const ItemPointerData *tid) {
    ScanState *state = scan_state(scan);
    MemoryContextReset(state->row_context);
    MemoryContext old = MemoryContextSwitchTo(state->row_context);
    Datum value = 0;
    bool is_null = state->row_is_null;
    if (!is_null) value = make_value(scan->indexRelation, state->meta, state->row_code, tid);
    if (scan->xs_recheckorderby) compute_order(scan, value, is_null);
    scan->xs_itupdesc = RelationGetDescr(scan->indexRelation);
    scan->xs_itup = index_form_tuple(scan->xs_itupdesc, &value, &is_null);
    MemoryContextSwitchTo(old);
}

bool hamming_canreturn(Relation /* index */, int /* attribute */) {
    return true;
}

// --- callbacks ------------------------------------------------------------------------------------

bool hamming_gettuple(IndexScanDesc scan, ScanDirection direction) {
    ScanState *state = scan_state(scan);
    Assert(ScanDirectionIsForward(direction));
    (void)direction;
    if (state->phase == Phase::start) start_scan(scan);

    scan->xs_recheck = state->spec.recheck || !IsMVCCSnapshot(scan->xs_snapshot);
    ItemPointerData tid;
    while (next_row(scan, &tid)) {
        if (!scan->xs_want_itup) return true;
        if (!is_visible(scan)) continue;
        return_value(scan, &tid);
        return true;
    }
    return false;
}

int64 hamming_getbitmap(IndexScanDesc scan, TIDBitmap *bitmap) {
    ScanState *state = scan_state(scan);
    if (state->phase == Phase::start) start_scan(scan);
    ItemPointerData tids[kMaxEntries];
    int64 count = 0;
    for (;;) {
        while (next_page(scan)) {
            for (int i = 0; i < state->rows_count; i++) {
                unpack_tid(state->rows[i], &tids[i]);
                check_row(scan, &tids[i]);
                tids[i] = row_tid(&tids[i]);
            }
            tbm_add_tuples(bitmap, tids, state->rows_count, state->spec.recheck);
            count += state->rows_count;
        }
        if (!next_phase(scan)) return count;
    }
}

}  // namespace imagehash::index
