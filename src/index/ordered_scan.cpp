// Rows in order of distance.
//
// The scan goes through the distances, level by level: at level v the rows found at distance v are served.
// That takes all segments bound to less than v, the bound being the least distance to the query that a
// segment can hold. Leaves have bounds too, and are opened into segments only when their turn comes; segments
// of open leaves wait in a queue by their bound. Levels that the next few rows need anyway, by what is found
// so far, are read together, in the order of pages, so that a page that serves several levels is read once.
//
// Only rows up to a horizon are kept: the distance of the 64th nearest known so far. When the levels have
// reached the horizon, a new band begins beyond it, with four times as many rows; each band ends between two
// distances, so no row is lost or repeated. The horizon also falls when memory runs out. It never falls below
// the level that is being served, and rows at that level are served page by page, so a million equal hashes
// need no memory.
//
// When a third of all segments would be read anyway, they are read in the order of their pages.
#include "hamming/bounds.h"
#include "index/access_method.h"
#include "index/arena.h"
#include "index/growing_array.h"
#include "index/scan.h"
#include "pg/settings.h"

extern "C" {
#include "utils/memutils.h"
}

#include <algorithm>

namespace imagehash::index {

static const int64 first_band = 64;
static const int64 band_growth = 4;
static const int64 few_rows = 10;        // how many most searches ask for
static const uint32 first_leaves = 8;    // read first, for a horizon
static const int approximate_bands = 2;  // the first 320 rows, where an approximate answer is allowed
static const int32 none = -1;

struct Candidate {
    uint64 tid;
    int32 next;
    bool all_visible;
};

struct Waiting {
    Run run;
    int32 next;
};

struct OrderedScan {
    int done_through;  // distances up to this one are served; -1 at first
    int level;
    int opened_through;  // segments bound to this level or less are read, or among the runs
    int horizon;
    int64 served;  // rows of the band
    int64 target;  // rows that the band is to have at least
    int bands;
    bool first_read;  // what gives a horizon soon is read, or among the runs
    bool in_page_order;

    int64 within;  // rows of the band up to the horizon
    int64 within_before;
    Candidate *candidates;
    uint64 *codes;  // of the candidates, where the scan returns the hash
    int32 candidates_count, candidates_room, candidates_used;
    int32 free;

    int16 *leaf_bounds;  // kNever: nothing in the leaf is wanted, or it is open
    Waiting *waiting;
    int32 waiting_count;
    int64 waiting_room;
    int64 segments_read;
    int64 next_look;  // at how many of them the order of pages is considered

    // By distance; set up to the length of the codes.
    int64 found[pg::kMaxBits + 1];  // rows of the band
    int32 heads[pg::kMaxBits + 1];  // of the candidates, in the order they were found
    int32 tails[pg::kMaxBits + 1];
    int32 segment_heads[pg::kMaxBits + 1];
    int64 queued[pg::kMaxBits + 1];  // segments of open leaves that wait, by bound

    uint64 row_code[kMaxWords];
};

// --- candidates -----------------------------------------------------------------------------------

static int32 take_slot(ScanState *state) {
    OrderedScan *o = state->ordered;
    if (o->free != none) {
        int32 slot = o->free;
        o->free = o->candidates[slot].next;
        return slot;
    }
    if (o->candidates_used == o->candidates_room) {
        o->candidates_room = Max(o->candidates_room * 2, 1024);
        Size size = sizeof(Candidate) * o->candidates_room;
        Size codes_size = sizeof(uint64) * state->layout.words * o->candidates_room;
        bool first = o->candidates == nullptr;
        o->candidates = static_cast<Candidate *>(first ? MemoryContextAllocHuge(state->context, size)
                                                       : repalloc_huge(o->candidates, size));
        if (state->rows_codes != nullptr)
            o->codes = static_cast<uint64 *>(first ? MemoryContextAllocHuge(state->context, codes_size)
                                                   : repalloc_huge(o->codes, codes_size));
    }
    return o->candidates_used++;
}

static void free_slot(OrderedScan *o, int32 slot) {
    o->candidates[slot].next = o->free;
    o->free = slot;
    o->candidates_count--;
}

static void lower_horizon_by_one(OrderedScan *o) {
    while (o->heads[o->horizon] != none) {
        int32 slot = o->heads[o->horizon];
        o->heads[o->horizon] = o->candidates[slot].next;
        free_slot(o, slot);
    }
    o->within -= o->found[o->horizon];
    o->found[o->horizon] = 0;
    o->horizon--;
}

static int64 affordable_candidates(const ScanState *state) {
    Size size = sizeof(Candidate) + (state->rows_codes != nullptr ? state->layout.words * sizeof(uint64) : 0);
    return Max(work_mem * INT64CONST(1024) / static_cast<int64>(size), INT64CONST(8192));
}

static void lower_horizon(ScanState *state) {
    OrderedScan *o = state->ordered;
    while (o->horizon > o->level && o->within - o->found[o->horizon] >= o->target) lower_horizon_by_one(o);
    while (o->horizon > o->level && o->candidates_count > affordable_candidates(state))
        lower_horizon_by_one(o);
}

static void add_candidate(const Found &row, void *state_pointer) {
    auto state = static_cast<ScanState *>(state_pointer);
    OrderedScan *o = state->ordered;
    if (row.distance <= o->done_through || row.distance > o->horizon) return;
    int32 slot = take_slot(state);
    Candidate *candidate = &o->candidates[slot];
    candidate->tid = pack_tid(&row.tid);
    candidate->all_visible = row.all_visible;
    candidate->next = none;
    if (o->codes != nullptr)
        load_code(row.code, state->layout.words, row.position,
                  o->codes + static_cast<Size>(slot) * state->layout.words);
    if (o->heads[row.distance] == none)
        o->heads[row.distance] = slot;
    else
        o->candidates[o->tails[row.distance]].next = slot;
    o->tails[row.distance] = slot;
    o->candidates_count++;
    o->found[row.distance]++;
    o->within++;
}

// --- leaves and segments --------------------------------------------------------------------------

struct OpenLeaf {
    ScanState *state;
    int distance;  // of its centroid
    int now;       // segments with this bound or less are to be read now
};

static void wait(OrderedScan *o, const Run &run) {
    make_room(&o->waiting, o->waiting_count, &o->waiting_room);
    o->queued[run.bound]++;
    o->waiting[o->waiting_count] = {run, o->segment_heads[run.bound]};
    o->segment_heads[run.bound] = o->waiting_count++;
}

static void queue_segment(const Segment &segment, void *open_pointer) {
    auto open = static_cast<OpenLeaf *>(open_pointer);
    ScanState *state = open->state;
    OrderedScan *o = state->ordered;
    if (open->distance + segment.rmax <= o->done_through) return;
    int bound = Max(lower_bound(open->distance, segment.rmin, segment.rmax), o->done_through + 1);
    if (bound > o->horizon) return;
    Run run = {segment.page, segment.start, segment.count, static_cast<uint16>(bound)};
    if (bound <= open->now)
        add_run(&state->runs, run);
    else
        wait(o, run);
}

static void open_leaf(ScanState *state, const TierView &view, uint32 leaf, int now) {
    OpenLeaf open = {state, state->query_distances[leaf], now};
    visit_segments(state->directory.index, view.leaves, leaf - view.first_leaf, queue_segment, &open);
    state->ordered->leaf_bounds[leaf] = kNever;
}

// Leaves that have nothing for this band, or that the filters rule out, are bound to kNever.
static void bound_leaves(ScanState *state) {
    OrderedScan *o = state->ordered;
    const Directory &directory = state->directory;
    for (int t = 0; t < directory.tiers_count; t++) {
        const TierView &view = directory.tiers[t];
        hamming::bound_leaves(state->query_distances + view.first_leaf, view.leaves->rmin, view.leaves->rmax,
                              view.leaves->leaves, static_cast<int16>(o->done_through + 1), kNever,
                              o->leaf_bounds + view.first_leaf);
    }
    if (state->filter_bounds == nullptr) return;
    for (uint32 leaf = 0; leaf < directory.leaves; leaf++)
        o->leaf_bounds[leaf] = Max(o->leaf_bounds[leaf], state->filter_bounds[leaf]);
}

// The segments of open leaves that wait at `bound` are to be read now.
static void take_segments(ScanState *state, int bound) {
    OrderedScan *o = state->ordered;
    if (o->segment_heads[bound] == none) return;
    const int64 others = state->runs.count;
    for (int32 s = o->segment_heads[bound]; s != none; s = o->waiting[s].next)
        add_run(&state->runs, o->waiting[s].run);
    merge_runs(&state->runs, others);
    o->segment_heads[bound] = none;
    o->queued[bound] = 0;
}

// The level through which the next few rows need the segments read: one row at first, then ten, then those of
// the band. Levels that are needed anyway are read together, each page once.
static int level_needed(const OrderedScan *o) {
    int64 wanted = o->served >= few_rows ? o->target : o->served > 0 ? few_rows : 1;
    int64 found = 0;
    for (int d = o->done_through + 1; d <= o->horizon; d++) {
        found += o->found[d];
        if (found >= wanted) return Max(d - 1, o->level);
    }
    return o->level;
}

// Opens the closed leaves bound to `last` or less, in the order of their pages.
static void open_leaves(ScanState *state, int last) {
    for (int t = 0; t < state->directory.tiers_count; t++) {
        const TierView &view = state->directory.tiers[t];
        const int16 *bounds = state->ordered->leaf_bounds + view.first_leaf;
        for (uint32 place = 0; place < view.leaves->leaves; place++) {
            place +=
                hamming::first_within(bounds + place, view.leaves->leaves - place, static_cast<int16>(last));
            if (place < view.leaves->leaves) open_leaf(state, view, view.first_leaf + place, last);
        }
    }
}

// The segments bound to the levels through `last` become the runs, in the order of pages.
static void open_levels(ScanState *state, int last) {
    OrderedScan *o = state->ordered;
    RunList *runs = &state->runs;
    if (runs->next == runs->count) runs->next = runs->count = 0;
    for (int level = o->level; level <= last; level++) take_segments(state, level);
    const int64 others = runs->count;
    open_leaves(state, last);
    merge_runs(runs, others);
    o->opened_through = last;
}

// Puts runs back that have turned out not to be needed so soon.
static void put_back_runs(ScanState *state) {
    OrderedScan *o = state->ordered;
    RunList *runs = &state->runs;
    if (o->in_page_order || !o->first_read || o->opened_through <= o->level) return;
    if (o->within == o->within_before) return;  // nothing new
    o->within_before = o->within;
    const int last = level_needed(o);
    if (last >= o->opened_through) return;
    o->opened_through = last;
    // The last one first, so that those that wait are in the order of pages.
    for (int64 r = runs->count - 1; r >= runs->next; r--)
        if (runs->runs[r].bound > last) wait(o, runs->runs[r]);
    Run *end = std::remove_if(runs->runs + runs->next, runs->runs + runs->count,
                              [last](const Run &run) { return run.bound > last; });
    runs->count = end - runs->runs;
}

// Segments that are bound to the horizon or less and not read yet.
static int64 segments_left(const ScanState *state) {
    const OrderedScan *o = state->ordered;
    int64 left = state->runs.count - state->runs.next;
    for (int bound = o->level; bound <= o->horizon; bound++) left += o->queued[bound];
    for (int t = 0; t < state->directory.tiers_count; t++) {
        const TierView &view = state->directory.tiers[t];
        const uint32 *first_segment = view.leaves->first_segment;
        for (uint32 place = 0; place < view.leaves->leaves; place++)
            if (o->leaf_bounds[view.first_leaf + place] <= o->horizon)
                left += first_segment[place + 1] - first_segment[place];
    }
    return left;
}

// Once the horizon has had time to fall: whether most of what is left would be read anyway, and if so takes
// it all into the runs.
static void consider_page_order(ScanState *state) {
    OrderedScan *o = state->ordered;
    if (o->in_page_order || !o->first_read || o->segments_read < o->next_look) return;
    o->next_look = o->segments_read * 2;
    if (segments_left(state) * 3 < static_cast<int64>(state->directory.segments)) return;
    o->in_page_order = true;
    open_levels(state, o->horizon);
}

// --- bands ----------------------------------------------------------------------------------------

// The distance up to which centroids of the tier hold at least so many rows.
static int distance_holding(const ScanState *state, const TierView &view, int64 rows) {
    int64 held[pg::kMaxBits + 1] = {};
    const uint16 *distances = state->query_distances + view.first_leaf;
    for (uint32 place = 0; place < view.leaves->leaves; place++)
        held[distances[place]] += view.leaves->entries[place];
    int d = 0;
    for (int64 sum = held[0]; d < pg::kMaxBits && sum < rows;) sum += held[++d];
    return d;
}

static double share_for_recall(const TierStatistics &statistics, double recall) {
    int i = 0;
    while (i < kRecallSteps - 1 && kRecallTargets[i] < recall) i++;
    return statistics.codes_for_recall[i];
}

// Approximate: leaves far from the query are left out.
static void leave_out_far_leaves(ScanState *state) {
    const Directory &directory = state->directory;
    OrderedScan *o = state->ordered;
    for (int t = 0; t < directory.tiers_count; t++) {
        const TierView &view = directory.tiers[t];
        double share = share_for_recall(view.leaves->statistics, pg::target_recall()) * (1 << o->bands);
        if (share >= 1) continue;
        auto wanted = static_cast<int64>(share * static_cast<double>(view.tier->entries)) + 1;
        int far = distance_holding(state, view, wanted);
        for (uint32 leaf = view.first_leaf; leaf < view.first_leaf + view.leaves->leaves; leaf++)
            if (state->query_distances[leaf] > far) o->leaf_bounds[leaf] = kNever;
    }
}

// The leaves of the tier that are nearest to the query are opened, and their segments read at once.
static void open_nearest_leaves(ScanState *state, const TierView &view) {
    const uint32 leaves = view.leaves->leaves;
    const uint16 *distances = state->query_distances + view.first_leaf;
    uint32 left = Min(first_leaves, leaves);
    if (left == 0) return;
    const uint16 near = hamming::limit_holding(distances, leaves, left);
    for (uint32 place = 0; place < leaves && left > 0; place++) {
        place += hamming::first_within(distances + place, leaves - place, near);
        if (place == leaves || state->ordered->leaf_bounds[view.first_leaf + place] == kNever) continue;
        open_leaf(state, view, view.first_leaf + place, pg::kMaxBits);
        left--;
    }
}

// What gives a horizon soon: pending pages, which have no bound, and the leaves nearest to the query.
static void read_first(ScanState *state) {
    for (uint32 p = 0; p < state->meta.pending_count; p++)
        add_run(&state->runs, {state->meta.pending[p], 0, 0, 0});
    // The largest tier comes first.
    if (state->ordered->done_through < 0 && state->directory.tiers_count > 0)
        open_nearest_leaves(state, state->directory.tiers[0]);
}

static void start_band(ScanState *state) {
    OrderedScan *o = state->ordered;
    o->level = o->done_through + 1;
    o->horizon = state->question.max_distance;
    o->first_read = o->in_page_order = false;
    o->opened_through = o->level;
    o->within = o->served = 0;
    const Size levels = state->meta.bits + 1;
    std::fill_n(o->queued, levels, 0);
    std::fill_n(o->found, levels, 0);
    std::fill_n(o->heads, levels, none);
    std::fill_n(o->segment_heads, levels, none);
    o->free = none;
    o->candidates_count = o->candidates_used = o->waiting_count = 0;
    o->segments_read = 0;
    o->next_look = static_cast<int64>(state->directory.segments) / 40 + 16;
    state->runs.count = state->runs.next = 0;
    bound_leaves(state);
    if (pg::target_recall() < 1 && o->bands < approximate_bands) leave_out_far_leaves(state);
    read_first(state);
    sort_runs(&state->runs, 0);
}

void start_ordered(IndexScanDesc scan) {
    auto state = static_cast<ScanState *>(scan->opaque);
    MemoryContext old = MemoryContextSwitchTo(state->context);
    auto o = static_cast<OrderedScan *>(palloc(sizeof(OrderedScan)));
    memset(o, 0, offsetof(OrderedScan, found));  // the rest is set by band
    const Size leaves = state->directory.leaves;
    o->leaf_bounds = static_cast<int16 *>(arena_alloc(state->context, sizeof(int16) * leaves));
    o->done_through = -1;
    o->target = first_band;
    state->ordered = o;
    start_band(state);
    MemoryContextSwitchTo(old);
}

// Goes on until there is a candidate at the level; false at the end.
static bool advance(IndexScanDesc scan) {
    auto state = static_cast<ScanState *>(scan->opaque);
    OrderedScan *o = state->ordered;
    while (o->heads[o->level] == none) {
        CHECK_FOR_INTERRUPTS();
        if (state->runs.next < state->runs.count) {
            int64 before = state->runs.next;
            visit_page(scan, &state->runs, state->question.query, &o->horizon, 0, add_candidate, state);
            o->segments_read += state->runs.next - before;
            lower_horizon(state);
            put_back_runs(state);
            consider_page_order(state);
        } else if (!o->first_read) {
            o->first_read = true;
            open_levels(state, level_needed(o));
        } else if (o->level >= state->question.max_distance) {
            return false;
        } else if (o->level >= o->horizon) {
            o->done_through = o->level;
            o->target *= band_growth;
            o->bands++;
            start_band(state);
        } else {
            o->level++;
            if (o->level > o->opened_through) open_levels(state, level_needed(o));
        }
    }
    return true;
}

bool next_in_order(IndexScanDesc scan, ItemPointer tid, int *distance) {
    auto state = static_cast<ScanState *>(scan->opaque);
    OrderedScan *o = state->ordered;
    if (o->level > state->question.max_distance) return false;
    MemoryContext old = MemoryContextSwitchTo(state->context);
    bool found = advance(scan);
    MemoryContextSwitchTo(old);
    if (!found) return false;
    int32 slot = o->heads[o->level];
    const Candidate &candidate = o->candidates[slot];
    o->heads[o->level] = candidate.next;
    unpack_tid(candidate.tid, tid);
    state->row_all_visible = candidate.all_visible;
    if (o->codes != nullptr) {
        memcpy(o->row_code, o->codes + static_cast<Size>(slot) * state->layout.words,
               state->layout.words * sizeof(uint64));
        state->row_code = o->row_code;
    }
    *distance = o->level;
    o->served++;
    free_slot(o, slot);
    return true;
}

}  // namespace imagehash::index
