// Rows in order of distance.
//
// The scan goes through the distances one by one, and serves the rows found at each. Before it serves those
// at distance v, all groups with a bound below v are read; the bound is the least distance to the
// query that a group can hold. Walks through the directory read them (leaf_walk.h). Groups for several
// distances are read in one walk where the next few rows need them anyway, by what is found so far, so that a
// page that serves several distances is read once.
//
// Only rows up to a horizon are kept: the distance of the 128th nearest known so far. When the scan has
// reached the horizon, a new band begins beyond it, with eight times as many rows; each band ends between two
// distances, so no row is lost or repeated. The horizon also falls when memory runs out. It never falls below
// the distance that is being served, and rows at that distance are served page by page, so a million equal
// hashes need no memory.
#include "index/scan/ordered_scan.h"

#include "hamming/bounds.h"
#include "index/scan/arena.h"
#include "index/scan/tids.h"
#include "index/store/bands.h"
#include "pg/server/settings.h"

extern "C" {
#include "utils/memutils.h"
}

#include <algorithm>

namespace imagehash::index {

// Where an approximate answer is allowed: the first 1,152 rows. The 100 nearest are found in one band: with
// two, which read the nearest leaves twice, codes L32 of 256 bits took 1.8 times as many pages.
constexpr int kApproximateBands = 2;
// An approximate scan goes farther from the 11th row on, and from the 101st, as recall is measured.
constexpr int64 kRowsOfReach[kRecallRanks] = {10, 100};
constexpr int32 kNone = -1;

namespace {

struct Candidate {
    RowRef row;
    int32 next;
    bool all_visible;
};

}  // namespace

struct OrderedScan {
    int done_through;  // distances up to this one are served; -1 at first
    int distance;      // at which rows are served now
    int read_through;  // groups whose bound is this distance or less are read
    int horizon;
    int64 served;  // rows of the band
    int64 target;  // rows that the band is to have at least
    int bands;
    bool walking;        // there may be more pages of the walk
    int64 rows;          // served by all bands
    int farther;         // how often the scan has gone farther; kRecallRanks: nothing more is left out
    int far[kMaxTiers];  // centroids beyond it are left out
    int walk_limit;      // what leaves are opened for now

    int64 within;  // rows of the band up to the horizon
    int64 within_before;
    Candidate *candidates;
    uint64 *codes;  // of the candidates, where the scan returns the hash
    int32 candidates_count, candidates_room, candidates_used;
    int32 free;

    int16 *leaf_bounds;

    // By distance; set up to the length of the codes.
    int64 found[pg::kMaxBits + 1];  // rows of the band
    int32 heads[pg::kMaxBits + 1];  // of the candidates, in the order they were found
    int32 tails[pg::kMaxBits + 1];

    uint64 row_code[kMaxWords];
};

// --- candidates -----------------------------------------------------------------------------------

static int32 take_slot(ScanState *state) {
    OrderedScan *o = state->ordered;
    if (o->free != kNone) {
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
    while (o->heads[o->horizon] != kNone) {
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
    while (o->horizon > o->distance && o->within - o->found[o->horizon] >= o->target) lower_horizon_by_one(o);
    while (o->horizon > o->distance && o->candidates_count > affordable_candidates(state))
        lower_horizon_by_one(o);
}

static void add_candidate(const Found &row, void *state_pointer) {
    auto state = static_cast<ScanState *>(state_pointer);
    OrderedScan *o = state->ordered;
    // What is nearer than the distance that is served comes too late: an approximate scan has missed it.
    if (row.distance < o->distance || row.distance > o->horizon) return;
    int32 slot = take_slot(state);
    Candidate *candidate = &o->candidates[slot];
    candidate->row = row.row;
    candidate->all_visible = row.all_visible;
    candidate->next = kNone;
    if (o->codes != nullptr)
        load_code(row.code, state->layout.words, row.position,
                  o->codes + static_cast<Size>(slot) * state->layout.words);
    if (o->heads[row.distance] == kNone)
        o->heads[row.distance] = slot;
    else
        o->candidates[o->tails[row.distance]].next = slot;
    o->tails[row.distance] = slot;
    o->candidates_count++;
    o->found[row.distance]++;
    o->within++;
}

// --- what is read ---------------------------------------------------------------------------------

// Leaves that have nothing for this band, or that the filters rule out, are bound to kNever.
static void bound_leaves(ScanState *state) {
    OrderedScan *o = state->ordered;
    const Directory &directory = state->directory;
    for (int t = 0; t < directory.tiers_count; t++) {
        const TierView &view = directory.tiers[t];
        const uint32 leaves = view.leaves->leaves;
        int16 *bounds = o->leaf_bounds + view.first_leaf;
        hamming::bound_leaves(state->query_distances + view.first_leaf, view.leaves->rmin, view.leaves->rmax,
                              leaves, static_cast<int16>(o->done_through + 1), kNever, bounds);
        // The gap to the next tier.
        std::fill(bounds + leaves, bounds + TYPEALIGN(hamming::kBlock, leaves), kNever);
    }
    if (state->spec.filters_count == 0) return;
    for (uint32 leaf = 0; leaf < directory.leaves; leaf++)
        o->leaf_bounds[leaf] = Max(o->leaf_bounds[leaf], state->filter_bounds[leaf]);
}

// The distance through which the next few rows need the groups read: ten rows at first, then those of the
// band. Distances that are needed anyway are read together, each page once.
static int distance_needed(const OrderedScan *o) {
    const int64 wanted = o->served < kFewRows ? kFewRows : o->target;
    int64 found = 0;
    for (int d = o->done_through + 1; d <= o->horizon; d++) {
        found += o->found[d];
        if (found >= wanted) return Max(d - 1, o->distance);
    }
    return o->distance;
}

// Where leaves are opened to by what is found now.
static void set_walk_limit(ScanState *state) {
    OrderedScan *o = state->ordered;
    if (o->within == o->within_before) return;  // nothing new
    o->within_before = o->within;
    o->walk_limit = distance_needed(o);
}

static void start_walk(ScanState *state) {
    OrderedScan *o = state->ordered;
    state->walk.restart();
    o->walking = true;
    o->within_before = -1;
    set_walk_limit(state);
}

// Reads the walk's next page.
static void read_next_page(IndexScanDesc scan) {
    ScanState *state = scan_state(scan);
    OrderedScan *o = state->ordered;
    const bool only_some = state->walk.gives_only_some();
    const PageRuns *page = state->walk.next_page(o->walk_limit);
    if (page == nullptr) {
        o->walking = false;
        if (!only_some) o->read_through = state->walk.given_through();
        return;
    }
    visit_page(scan, *page, state->spec.query, &o->horizon, 0, add_candidate, state);
    lower_horizon(state);
    if (only_some) return;
    set_walk_limit(state);
}

// --- bands ----------------------------------------------------------------------------------------

// Beyond the hundredth row it is taken to grow as much again.
static int reach_of_rows(const uint16 (*of)[kRecallStrata][kRecallSteps], int stratum, int step,
                         int farther) {
    const int few = of[0][stratum][step], hundred = Max(few, of[1][stratum][step]);
    if (hundred == kReachesAll || farther == 1) return hundred;
    return farther == 0 ? few : hundred + hundred - few;
}

// Beyond what centroid distance the scan need not go for the recall that is asked for. A query with fewer
// rows near it than any that was measured goes farther.
static int far_for_recall(const OrderedScan *o, const RecallReach &reach, QueryPlace place) {
    int step = 0, stratum = 0;
    while (step < kRecallSteps - 1 && kRecallTargets[step] < pg::target_recall()) step++;
    while (stratum < kRecallStrata - 1 && place.near >= reach.begins[stratum + 1]) stratum++;
    return place.home + reach_of_rows(reach.of, stratum, step, o->farther) +
           Max(place.near - reach.farthest, 0);
}

static QueryPlace place_in_tier(const ScanState *state, const TierView &view) {
    int64 held[pg::kMaxBits + 1] = {};
    const uint16 *distances = state->query_distances + view.first_leaf;
    for (uint32 place = 0; place < view.leaves->leaves; place++)
        held[distances[place]] += view.leaves->entries[place];
    return place_of_query(held, pg::kMaxBits);
}

static void set_far(ScanState *state) {
    const Directory &directory = state->directory;
    OrderedScan *o = state->ordered;
    QueryPlace place;
    for (int t = 0; t < directory.tiers_count; t++) {
        const TierView &view = directory.tiers[t];
        // Smaller tiers share the leaves of the largest, where it is clustered.
        if (t == 0 || directory.tiers[0].tier->clustered_rows == 0) place = place_in_tier(state, view);
        o->far[t] = far_for_recall(o, view.leaves->statistics.reach, place);
    }
}

// Approximate: leaves far from the query are left out.
static void leave_out_far_leaves(ScanState *state) {
    const Directory &directory = state->directory;
    OrderedScan *o = state->ordered;
    set_far(state);
    for (int t = 0; t < directory.tiers_count; t++) {
        const TierView &view = directory.tiers[t];
        for (uint32 leaf = view.first_leaf; leaf < view.first_leaf + view.leaves->leaves; leaf++)
            if (state->query_distances[leaf] > o->far[t]) o->leaf_bounds[leaf] = kNever;
    }
}

// More rows are asked for: leaves that these may need, and the rows before did not.
static void reach_farther(ScanState *state) {
    const Directory &directory = state->directory;
    OrderedScan *o = state->ordered;
    int before[kMaxTiers];
    memcpy(before, o->far, sizeof before);
    o->farther++;
    set_far(state);
    for (int t = 0; t < directory.tiers_count; t++) {
        const TierView &view = directory.tiers[t];
        for (uint32 place = 0; place < view.leaves->leaves; place++) {
            const uint32 leaf = view.first_leaf + place;
            const int distance = state->query_distances[leaf];
            const int rmax = view.leaves->rmax[place];
            if (distance <= before[t] || distance > o->far[t] || distance + rmax <= o->done_through) continue;
            const int bound = Max(lower_bound(distance, view.leaves->rmin[place], rmax), o->done_through + 1);
            o->leaf_bounds[leaf] = static_cast<int16>(
                Max(bound, state->spec.filters_count > 0 ? state->filter_bounds[leaf] : 0));
        }
    }
    o->read_through = o->distance - 1;
}

// What gives a horizon soon: pending pages, which have no bound, and the leaves nearest to the query, of the
// largest tier, which comes first.
static void read_nearest_first(ScanState *state) {
    uint32 nearest[LeafWalk::kMostFirst];
    size_t count = 0;
    if (state->ordered->done_through < 0 && state->directory.tiers_count > 0) {
        const TierView &view = state->directory.tiers[0];
        count = hamming::find_least(state->query_distances + view.first_leaf, view.leaves->leaves,
                                    lengthof(nearest), nearest);
        for (size_t i = 0; i < count; i++) nearest[i] += view.first_leaf;
    }
    state->walk.give_only(nearest, static_cast<uint32>(count));
}

static void start_band(ScanState *state) {
    OrderedScan *o = state->ordered;
    o->distance = o->done_through + 1;
    o->horizon = state->spec.max_distance;
    o->read_through = o->done_through;
    o->within = o->served = 0;
    const Size levels = state->meta.bits + 1;
    std::fill_n(o->found, levels, 0);
    std::fill_n(o->heads, levels, kNone);
    o->free = kNone;
    o->candidates_count = o->candidates_used = 0;
    bound_leaves(state);
    if (pg::target_recall() < 1 && o->bands < kApproximateBands)
        leave_out_far_leaves(state);
    else
        o->farther = kRecallRanks;
    state->walk.begin(&state->directory, &state->meta, state->query_distances, o->leaf_bounds,
                      o->done_through);
    read_nearest_first(state);
    start_walk(state);
}

void start_ordered(IndexScanDesc scan) {
    ScanState *state = scan_state(scan);
    MemoryContext old = MemoryContextSwitchTo(state->context);
    auto o = static_cast<OrderedScan *>(palloc(sizeof(OrderedScan)));
    memset(o, 0, offsetof(OrderedScan, found));  // the rest is set by band
    const Size leaves = state->directory.leaves;
    o->leaf_bounds = static_cast<int16 *>(arena_alloc(state->context, sizeof(int16) * leaves));
    o->done_through = -1;
    o->target = kFirstBand;
    state->ordered = o;
    start_band(state);
    MemoryContextSwitchTo(old);
}

// Goes on until there is a candidate at the distance that is served; false at the end.
static bool find_candidate(IndexScanDesc scan) {
    ScanState *state = scan_state(scan);
    OrderedScan *o = state->ordered;
    while (o->heads[o->distance] == kNone) {
        CHECK_FOR_INTERRUPTS();
        if (o->walking) {
            read_next_page(scan);
        } else if (o->farther < kRecallRanks && o->rows >= kRowsOfReach[o->farther]) {
            reach_farther(state);
        } else if (o->read_through < o->distance) {
            start_walk(state);
        } else if (o->distance >= state->spec.max_distance) {
            return false;
        } else if (o->distance >= o->horizon) {
            o->done_through = o->distance;
            o->target *= kBandGrowth;
            o->bands++;
            start_band(state);
        } else {
            o->distance++;
        }
    }
    return true;
}

// Hands out the candidate; false where its row is not there any more, or not wanted.
static bool take_candidate(IndexScanDesc scan, ItemPointer tid) {
    ScanState *state = scan_state(scan);
    OrderedScan *o = state->ordered;
    const int32 slot = o->heads[o->distance];
    RowRef row = o->candidates[slot].row;
    bool all_visible = o->candidates[slot].all_visible;
    o->heads[o->distance] = o->candidates[slot].next;
    free_slot(o, slot);
    if (fetch_tids(scan, &row, &all_visible, nullptr, 1) == 0) return false;
    unpack_tid(row, tid);
    state->row_all_visible = all_visible;
    if (o->codes != nullptr) {
        memcpy(o->row_code, o->codes + static_cast<Size>(slot) * state->layout.words,
               state->layout.words * sizeof(uint64));
        state->row_code = o->row_code;
    }
    o->served++;
    o->rows++;
    return true;
}

bool next_in_order(IndexScanDesc scan, ItemPointer tid, int *distance) {
    ScanState *state = scan_state(scan);
    OrderedScan *o = state->ordered;
    if (o->distance > state->spec.max_distance) return false;
    MemoryContext old = MemoryContextSwitchTo(state->context);
    bool found = false;
    while (!found && find_candidate(scan)) found = take_candidate(scan, tid);
    MemoryContextSwitchTo(old);
    *distance = o->distance;
    return found;
}

}  // namespace imagehash::index
