// Rows in order of distance, in bands; scan.cpp says why.
#include "index/access_method.h"
#include "index/scan.h"

extern "C" {
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "utils/memutils.h"
}

#include <algorithm>

namespace imagehash::index {

// A candidate in 64 bits that sort as (distance, block, offset).
static uint64 pack(int distance, const ItemPointerData *tid) {
    return static_cast<uint64>(distance) << 48 |
           static_cast<uint64>(ItemPointerGetBlockNumberNoCheck(tid)) << 16 |
           ItemPointerGetOffsetNumberNoCheck(tid);
}
static int packed_distance(uint64 candidate) {
    return static_cast<int>(candidate >> 48);
}
static void unpack_tid(uint64 candidate, ItemPointer tid) {
    ItemPointerSet(tid, static_cast<BlockNumber>(candidate >> 16),
                   static_cast<OffsetNumber>(candidate & 0xFFFF));
}

static const int64 first_band = 64;
static const int64 band_growth = 4;

void start_bands(ScanState *state) {
    state->done_through = -1;
    state->band_target = first_band;
    state->band_count = state->band_next = state->band_room = 0;
}

// A band that is being collected: candidates with done_through < distance <= horizon, where the horizon falls
// as nearer ones are found.
struct Band {
    int horizon;
    int64 within;                   // candidates up to the horizon
    int64 count[pg::kMaxBits + 1];  // candidates at each distance
};

static void grow_band(ScanState *state) {
    state->band_room = Max(state->band_room * 2, 4096);
    Size size = state->band_room * sizeof(uint64);
    state->band = static_cast<uint64 *>(state->band == nullptr ? MemoryContextAllocHuge(state->context, size)
                                                               : repalloc_huge(state->band, size));
}

static void drop_beyond(ScanState *state, int horizon) {
    uint64 *end = std::remove_if(state->band, state->band + state->band_count,
                                 [&](uint64 c) { return packed_distance(c) > horizon; });
    state->band_count = end - state->band;
}

// Lowers the horizon while at least the target would remain, and drops what lies beyond when that is the
// larger part.
static void lower_horizon(ScanState *state, Band *band) {
    while (band->horizon > state->done_through + 1 &&
           band->within - band->count[band->horizon] >= state->band_target)
        band->within -= band->count[band->horizon--];
    if (state->band_count >= 2 * band->within + first_band) drop_beyond(state, band->horizon);
}

// The page's candidates beyond what is served, up to the threshold; into found[kMaxEntries].
static size_t find_candidates(const ScanState *state, Page page, int threshold, uint64 *found) {
    hamming::Hit hits[kMaxEntries];
    size_t n = hamming::best_kernel().scan(page_codes(page), page_count(page), state->layout.words,
                                           state->question.query, threshold, hits);
    ItemPointer tids = page_tids(page, state->layout);
    size_t count = 0;
    for (size_t k = 0; k < n; k++)
        if (hits[k].distance > state->done_through &&
            passes_filters(state->question, 0, page, state->layout, hits[k].position))
            found[count++] = pack(hits[k].distance, &tids[hits[k].position]);
    return count;
}

static void add_to_band(ScanState *state, Band *band, const uint64 *found, size_t count) {
    for (size_t k = 0; k < count; k++) {
        if (state->band_count == state->band_room) grow_band(state);
        state->band[state->band_count++] = found[k];
        band->count[packed_distance(found[k])]++;
        band->within++;
    }
    lower_horizon(state, band);
}

// One pass over all pages, into the band or, where `band` is null, into the sort. False if it stopped because
// the band outgrew `band_limit`.
static bool pass(IndexScanDesc scan, Band *band, int64 band_limit) {
    auto state = static_cast<ScanState *>(scan->opaque);
    uint64 found[kMaxEntries];
    for (BlockNumber block = kFirstDataBlock; block < state->blocks; block++) {
        CHECK_FOR_INTERRUPTS();
        Buffer buffer = read_page(scan->indexRelation, block, state->layout.words, BUFFER_LOCK_SHARE);
        Page page = BufferGetPage(buffer);
        size_t count = 0;
        if (page_trailer(page)->kind == kCodePage)
            count = find_candidates(state, page,
                                    band != nullptr ? band->horizon : state->question.max_distance, found);
        UnlockReleaseBuffer(buffer);  // before the sort, which may write files
        if (band != nullptr) {
            add_to_band(state, band, found, count);
            if (state->band_count > band_limit) return false;
        } else {
            for (size_t k = 0; k < count; k++)
                tuplesort_putdatum(state->sort, Int64GetDatum(static_cast<int64>(found[k])), false);
        }
    }
    return true;
}

static void sort_the_rest(IndexScanDesc scan) {
    auto state = static_cast<ScanState *>(scan->opaque);
    MemoryContext old = MemoryContextSwitchTo(state->context);
    state->sort = tuplesort_begin_datum(INT8OID, Int8LessOperator, InvalidOid, false, work_mem, nullptr,
                                        TUPLESORT_NONE);
    pass(scan, nullptr, 0);
    tuplesort_performsort(state->sort);
    MemoryContextSwitchTo(old);
}

// Collects and sorts the next band; false if a sort of all the rest is the better way.
static bool next_band(IndexScanDesc scan) {
    auto state = static_cast<ScanState *>(scan->opaque);
    int64 entries = static_cast<int64>(state->blocks) * state->layout.capacity;
    int64 limit = work_mem * INT64CONST(1024) / static_cast<int64>(sizeof(uint64));
    if (state->band_target > Max(entries / 16, first_band) || state->band_target > limit) return false;

    Band band;
    memset(&band, 0, sizeof band);
    band.horizon = state->question.max_distance;
    state->band_count = state->band_next = 0;
    if (!pass(scan, &band, limit)) return false;

    drop_beyond(state, band.horizon);
    std::sort(state->band, state->band + state->band_count);
    state->done_through = band.horizon;
    state->band_target *= band_growth;
    return true;
}

bool next_in_order(IndexScanDesc scan, int *distance) {
    auto state = static_cast<ScanState *>(scan->opaque);
    uint64 candidate;
    while (state->sort == nullptr && state->band_next == state->band_count) {
        if (state->done_through >= state->question.max_distance) return false;
        if (!next_band(scan)) sort_the_rest(scan);
    }
    if (state->sort != nullptr) {
        Datum value;
        if (!pg::next_sorted_datum(state->sort, &value)) return false;
        candidate = static_cast<uint64>(DatumGetInt64(value));
    } else {
        candidate = state->band[state->band_next++];
    }
    *distance = packed_distance(candidate);
    unpack_tid(candidate, &scan->xs_heaptid);
    return true;
}

}  // namespace imagehash::index
