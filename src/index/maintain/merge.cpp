// What is merged when, and the merges that build a tier anew of all their rows.
#include "index/maintain/merge.h"

#include <math.h>

#include "index/store/options.h"
#include "index/maintain/part_merge.h"
#include "index/build/tier_builder.h"
#include "index/store/leaf_reader.h"

extern "C" {
#include "utils/memutils.h"
}

namespace imagehash::index {

// A tier stays as it is while it is at least so many times as large as what is merged. The largest, of which
// parts can be rewritten, takes the others in earlier: their leaves are the same, with few rows each, and
// need more room. Vacuum has more time than an inserter, and reads every page anyway.
constexpr int64 kFanOut = 8;
constexpr int64 kFanOutOfInserter = 16;
constexpr int64 kFanOutOfVacuum = 32;
constexpr uint32 kMostTiers = 4;

static bool is_worn(const Tier &tier) {
    return tier.dead * 5 > tier.entries;
}

static int64 pending_rows(const Meta &meta) {
    return static_cast<int64>(meta.pending_count) * Layout::of_words(meta.words()).capacity;
}

static int64 fan_out_of(const Tier &tier, MergeWhen when) {
    if (tier.clustered_rows == 0) return kFanOut;
    return when == MergeWhen::full ? kFanOutOfInserter : kFanOutOfVacuum;
}

// Tiers are kept in the order of their size. A worn tier takes the smaller ones along.
static bool choose_tiers(const Meta &meta, MergeWhen when, uint32 limit, MergeSources *sources) {
    *sources = {meta.pending_count, meta.tiers_count, 0};
    bool due = meta.pending_count >= (when == MergeWhen::full ? limit : limit / 4);
    int64 rows = pending_rows(meta);
    if (when == MergeWhen::tidy)
        for (uint32 t = 0; t < meta.tiers_count && sources->first_tier == meta.tiers_count; t++)
            if (is_worn(meta.tiers[t])) sources->first_tier = t;
    if (!due && sources->first_tier == meta.tiers_count) return false;
    for (uint32 t = sources->first_tier; t < meta.tiers_count; t++) rows += meta.tiers[t].entries;
    while (sources->first_tier > 0) {
        const Tier &next = meta.tiers[sources->first_tier - 1];
        if (next.entries >= fan_out_of(next, when) * rows && sources->first_tier < kMostTiers) break;
        rows += next.entries;
        sources->first_tier--;
    }
    return true;
}

static bool has_leaves_to_share(const Meta &meta) {
    return meta.tiers_count > 0 && meta.tiers[0].clustered_rows > 0;
}

// Whether there are so many more, or fewer, rows than the leaves were made for that they are made anew.
static bool leaves_are_outgrown(const Meta &meta) {
    int64 rows = pending_rows(meta);
    for (uint32 t = 0; t < meta.tiers_count; t++) rows += meta.tiers[t].entries - meta.tiers[t].dead;
    const int64 made_for = meta.tiers[0].clustered_rows;
    return rows > 2 * made_for || 2 * rows < made_for;
}

// An inserter's part is such that a full list costs least in the long run: with a share u of the tier's rows
// in a list and parts of a share f, u / 2f wait on average in the smaller tiers and are rewritten, and f of
// the tier.
static int64 part_of_inserter(const Meta &meta) {
    const Tier &largest = meta.tiers[0];
    const double share =
        static_cast<double>(pending_rows(meta)) / static_cast<double>(Max(largest.entries, INT64CONST(1)));
    return static_cast<int64>(sqrt(0.5 * share) * largest.code_pages) + 1;
}

static bool choose_sources(const Meta &meta, MergeWhen when, uint32 limit, MergeSources *sources) {
    const int64 part_of_vacuum = meta.tiers[0].code_pages / kPartsOfTier + 1;
    if (when == MergeWhen::go_on) {
        *sources = {0, 1, part_of_vacuum};
        return has_leaves_to_share(meta) &&
               (meta.tiers_count > 1 || meta.tiers[0].dead * 10 > meta.tiers[0].entries);
    }
    if (!choose_tiers(meta, when, limit, sources)) return false;
    if (sources->first_tier > 0 || !has_leaves_to_share(meta) || leaves_are_outgrown(meta)) return true;
    sources->first_tier = 1;
    sources->part_pages = when == MergeWhen::full ? part_of_inserter(meta) : part_of_vacuum;
    return true;
}

static void add_tier_page(PageRef ref, PageKind /* kind */, void *pages) {
    add_page(static_cast<PageList *>(pages), ref);
}

// Adds the live rows of a tier.
static void copy_tier(Relation index, const Meta &meta, const Tier &tier, RowStore *rows) {
    TierDirectory *directory = load_tier(index, tier, meta.words(), static_cast<int>(meta.bits));
    auto reader = static_cast<LeafReader *>(palloc(sizeof(LeafReader)));
    start_reader(index, directory, reader);
    uint64 code[kMaxWords];
    ItemPointerData tid;
    for (uint32 leaf = 0; leaf < directory->leaves; leaf++)
        for (uint32 entry = 0; entry < directory->entries[leaf]; entry++) {
            read_entry(reader, leaf, entry, code, &tid);
            if (tid_is_valid(&tid)) add_row(rows, code, &tid);
        }
    pfree(reader);
    MemoryContextDelete(directory->context);
}

static void merge_whole(Relation index, const Meta &meta, const MergeSources &sources) {
    PageList retiring = {};
    RowStore *rows = make_row_store(meta.words(), maintenance_work_mem * INT64CONST(1024) / 2);
    collect_pending(index, meta, sources, rows, &retiring);
    for (uint32 t = sources.first_tier; t < meta.tiers_count; t++) {
        visit_tier_pages(index, meta.tiers[t], add_tier_page, &retiring);
        copy_tier(index, meta, meta.tiers[t], rows);
    }
    Tier tier;
    if (rows->count > 0)
        tier = build_tier(
            {index, static_cast<int>(meta.bits), wants_clustering(index), nullptr, false, nullptr}, rows);
    switch_over(index, sources, nullptr, rows->count > 0 ? &tier : nullptr, retiring);
    free_row_store(rows);
}

bool merge_if_due(Relation index, MergeWhen when) {
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "hamming merge", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(context);
    auto meta = static_cast<Meta *>(palloc0(sizeof(Meta)));
    MergeSources sources;
    bool part = false;
    read_meta(index, meta);
    if (choose_sources(*meta, when, pending_limit(index), &sources)) {
        part = sources.part_pages > 0;
        if (sources.first_tier > 0 && has_leaves_to_share(*meta))
            merge_by_leaves(index, *meta, sources);
        else
            merge_whole(index, *meta, sources);
    }
    MemoryContextSwitchTo(old);
    MemoryContextDelete(context);
    return part;
}

}  // namespace imagehash::index
