// All sources give their rows in the order of (leaf, radius), numbered as in the largest tier. The one with
// the smallest key is written next: to the part that is rewritten, or to the small tier.
#include "index/maintain/part_merge.h"

#include <algorithm>

#include "hamming/leaf_finder.h"
#include "index/build/interruptible.h"
#include "index/maintain/remeasure.h"
#include "index/store/leaf_reader.h"

extern "C" {
#include "utils/memutils.h"
}

namespace imagehash::index {

namespace {

struct Row {
    uint64 key;  // leaf, radius
    uint64 code[kMaxWords];
    ItemPointerData tid;
};

}  // namespace

static uint64 key_of(uint32 leaf, uint32 radius) {
    return static_cast<uint64>(leaf) << 16 | radius;
}
static uint32 leaf_of(const Row &row) {
    return static_cast<uint32>(row.key >> 16);
}

// --- pending rows -----------------------------------------------------------------------------------

namespace {

struct PendingRow {
    uint64 key;
    int64 place;
};

struct PendingRows {
    int words;
    uint64 *rows;  // code and TID
    PendingRow *order;
    int64 count;
    int64 next;
};

}  // namespace

// Freed with the current memory context.
static const hamming::LeafFinder *make_finder(const TierImage &largest) {
    const auto *finder = make_interruptibly<hamming::LeafFinder>([&] {
        return hamming::LeafFinder::make({largest.centroids, largest.tier.leaves, largest.words},
                                         largest.tier.tight_leaves,
                                         static_cast<int>(largest.tier.radius_limit), interrupt_is_pending);
    });
    if (finder == nullptr) ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
    return finder;
}

// Reads the store and gives each row its place. The pending list is short: this fits into memory.
static PendingRows *order_pending(const TierImage &largest, RowStore *store) {
    auto pending = static_cast<PendingRows *>(palloc0(sizeof(PendingRows)));
    const int words = largest.words;
    pending->words = words;
    if (store->count == 0) return pending;
    pending->rows = static_cast<uint64 *>(palloc(store->count * row_size(words)));
    pending->order = static_cast<PendingRow *>(palloc(store->count * sizeof(PendingRow)));
    rewind_rows(store);
    while (pending->count < store->count)
        pending->count += next_rows(store, pending->rows + pending->count * (words + 1),
                                    static_cast<int>(store->count - pending->count));
    const hamming::LeafFinder *finder = make_finder(largest);
    for (int64 i = 0; i < pending->count; i++) {
        if (i % 1024 == 0) CHECK_FOR_INTERRUPTS();
        hamming::Assignment found = finder->find(pending->rows + i * (words + 1));
        pending->order[i] = {key_of(found.leaf, found.radius), i};
    }
    std::sort(pending->order, pending->order + pending->count,
              [](const PendingRow &a, const PendingRow &b) { return a.key < b.key; });
    return pending;
}

static bool next_pending(PendingRows *pending, Row *row) {
    if (pending->next == pending->count) return false;
    const PendingRow &next = pending->order[pending->next++];
    const uint64 *stored = pending->rows + next.place * (pending->words + 1);
    row->key = next.key;
    memcpy(row->code, stored, pending->words * sizeof(uint64));
    unpack_tid(stored[pending->words], &row->tid);
    return true;
}

// --- rows of a tier ---------------------------------------------------------------------------------

namespace {

struct TierReader {
    const TierImage *image;
    const uint32 *numbers;  // of its leaves in the largest tier; null: it is that tier
    uint32 leaf;
    uint32 end;  // of the leaves to be read
    uint32 entry;
    int64 dead;  // entries met
    LeafReader rows;
};

}  // namespace

static TierReader *read_leaves(const TierImage *image, const uint32 *numbers, uint32 first, uint32 end) {
    auto reader = static_cast<TierReader *>(palloc0(sizeof(TierReader)));
    reader->image = image;
    reader->numbers = numbers;
    reader->leaf = first;
    reader->end = end;
    start_reader(image->index, image->directory, &reader->rows);
    return reader;
}

static uint64 key_of_row(const TierReader *reader, const Row &row) {
    const TierImage &image = *reader->image;
    const int radius = distance_between(row.code, centroid_of(image, reader->leaf), image.words);
    return key_of(reader->numbers == nullptr ? reader->leaf : reader->numbers[reader->leaf], radius);
}

// The next live row.
static bool next_of_tier(TierReader *reader, Row *row) {
    const TierDirectory &directory = *reader->image->directory;
    for (; reader->leaf < reader->end; reader->leaf++, reader->entry = 0)
        while (reader->entry < directory.entries[reader->leaf]) {
            read_entry(&reader->rows, reader->leaf, reader->entry++, row->code, &row->tid);
            if (tid_is_valid(&row->tid)) {
                row->key = key_of_row(reader, *row);
                return true;
            }
            reader->dead++;
        }
    return false;
}

// The numbers that a smaller tier's leaves have in the largest one.
static uint32 *number_leaves(const TierImage &largest, const TierImage &image) {
    auto numbers =
        static_cast<uint32 *>(palloc_extended(sizeof(uint32) * image.tier.leaves, MCXT_ALLOC_HUGE));
    const Size size = image.words * sizeof(uint64);
    uint32 number = 0;
    for (uint32 leaf = 0; leaf < image.tier.leaves; leaf++, number++) {
        const uint64 *centroid = centroid_of(image, leaf);
        while (number < largest.tier.leaves && memcmp(centroid_of(largest, number), centroid, size) != 0)
            number++;
        if (number == largest.tier.leaves)
            report_corruption(image.index, image.tier.root.block,
                              psprintf("Leaf %u is not one of the largest tier's.", leaf));
        numbers[leaf] = number;
    }
    return numbers;
}

// --- the part ---------------------------------------------------------------------------------------

namespace {

struct Part {
    uint32 first, end;  // leaves of the largest tier
};

}  // namespace

// About so many pages of codes, and such that no page has rows of the part and others. Empty where `pages` is
// 0.
static Part choose_part(const TierImage &largest, int64 pages) {
    const uint32 leaves = largest.tier.leaves;
    Part part = {0, 0};
    if (pages == 0) return part;
    if (largest.tier.next_leaf < leaves) part.first = largest.tier.next_leaf;
    while (part.first > 0 && !leaf_starts_pages(largest, part.first)) part.first--;
    uint32 seen_through = 0;
    int64 seen = 0;
    for (part.end = part.first; part.end < leaves; part.end++) {
        if (seen >= pages && leaf_starts_pages(largest, part.end)) break;
        const PageRange range = code_pages_of(*largest.directory, part.end);
        seen += Max(range.end, seen_through) - Max(range.first, seen_through);
        seen_through = Max(range.end, seen_through);
    }
    return part;
}

// --- the whole --------------------------------------------------------------------------------------

namespace {

struct Source {
    TierReader *tier;  // null: the pending rows
    Row row;
    bool has_row;
};

struct LeafMerge {
    Relation index;
    TierImage *largest;
    Part part;
    PendingRows *pending;
    Source sources[kMaxTiers + 1];
    int sources_count;
    int64 *leaf_counts;  // rows at most, by leaf of the largest tier
    TierWriter *large;   // of the tier that replaces the largest; null where it stays
    TierWriter *small;
    uint32 next_leaf;   // of the part, to be begun
    RecallReach reach;  // of both tiers that are written
    uint32 unmeasured;  // rows of the sources that came since it was measured
};

}  // namespace

static void read_next_row(LeafMerge *merge, Source *source) {
    source->has_row = source->tier != nullptr ? next_of_tier(source->tier, &source->row)
                                              : next_pending(merge->pending, &source->row);
}

static void add_source(LeafMerge *merge, TierReader *tier) {
    Source *source = &merge->sources[merge->sources_count++];
    source->tier = tier;
    if (tier != nullptr)
        for (uint32 leaf = tier->leaf; leaf < tier->end; leaf++)
            merge->leaf_counts[tier->numbers == nullptr ? leaf : tier->numbers[leaf]] +=
                tier->image->directory->entries[leaf];
    read_next_row(merge, source);
}

static TierWriter *make_writer(const LeafMerge &merge) {
    auto writer = static_cast<TierWriter *>(palloc0(sizeof(TierWriter)));
    const TierImage &largest = *merge.largest;
    writer->index = merge.index;
    writer->logged = true;
    writer->words = largest.words;
    writer->centroids = largest.centroids;
    writer->leaf_counts = merge.leaf_counts;
    writer->tight_leaves = largest.tier.tight_leaves;
    writer->leaves = largest.tier.leaves;
    start_tier(writer);
    return writer;
}

static void begin_leaves_up_to(LeafMerge *merge, uint32 end) {
    while (merge->next_leaf < end) begin_leaf(merge->large, merge->next_leaf++);
}

static void write_rows(LeafMerge *merge) {
    for (;;) {
        Source *next = nullptr;
        for (int s = 0; s < merge->sources_count; s++) {
            Source *source = &merge->sources[s];
            if (source->has_row && (next == nullptr || source->row.key < next->row.key)) next = source;
        }
        if (next == nullptr) return;
        const Row &row = next->row;
        const uint32 leaf = leaf_of(row);
        const bool in_part = leaf >= merge->part.first && leaf < merge->part.end;
        if (in_part) begin_leaves_up_to(merge, leaf + 1);
        write_row(in_part ? merge->large : merge->small, leaf, static_cast<uint16>(row.key & 0xFFFF),
                  row.code, &row.tid);
        read_next_row(merge, next);
    }
}

// The largest tier with its part written anew; `dead` of the part's entries are left out.
static Tier finish_large(LeafMerge *merge, int64 dead) {
    const Tier &before = merge->largest->tier;
    TierStatistics statistics = merge->largest->directory->statistics;
    statistics.reach = merge->reach;
    Tier tier = finish_tier(merge->large, statistics);
    tier.dead = Min(Max(before.dead - dead, INT64CONST(0)), tier.entries);
    tier.clustered_rows = before.clustered_rows;
    tier.radius_limit = before.radius_limit;
    tier.next_leaf = merge->part.end < before.leaves ? merge->part.end : 0;
    tier.unmeasured = merge->unmeasured;
    return tier;
}

static Tier finish_small(LeafMerge *merge) {
    TierStatistics statistics = merge->largest->directory->statistics;
    statistics.reach = merge->reach;
    Tier tier = finish_tier(merge->small, statistics);
    if (merge->large == nullptr) tier.unmeasured = merge->unmeasured;
    return tier;
}

// With all codes written, before the directories are. What is measured holds for rows like those that were
// there; unlike ones are read whole until they are measured too.
static void set_reach(LeafMerge *merge) {
    const PendingRows &pending = *merge->pending;
    const TierImage &largest = *merge->largest;
    const int bits = largest.directory->bits;
    merge->reach = largest.directory->statistics.reach;
    int64 unmeasured = pending.count;
    bool unlike = rows_are_unlike(largest, bits, pending.rows, pending.count, pending.words + 1);
    for (int s = 0; s < merge->sources_count; s++) {
        if (merge->sources[s].tier == nullptr) continue;
        const TierImage &image = *merge->sources[s].tier->image;
        unmeasured += image.tier.unmeasured;
        if (&image != &largest) unlike = unlike || reach_is_unknown(image.directory->statistics.reach);
    }
    if (merge->large == nullptr) {
        if (unlike) merge->reach = unknown_reach();
    } else if (unlike || unmeasured * kMeasuredFraction > merge->large->entries) {
        merge->reach = measure_reach(*merge->large, *merge->small, bits);
        unmeasured = 0;
    }
    merge->unmeasured = static_cast<uint32>(Min(unmeasured, static_cast<int64>(PG_UINT32_MAX)));
}

static void retire_directory(const TierImage &image, PageList *retiring) {
    for (int64 p = 0; p < image.directory_pages_count; p++) add_page(retiring, image.directory_pages[p]);
}

// Pages that each leaf shares with the next are added once.
static void retire_pages(const PageRef *refs, PageRange range, uint32 *retired_through, PageList *retiring) {
    for (uint32 page = Max(range.first, *retired_through); page < range.end; page++)
        add_page(retiring, refs[page]);
    *retired_through = Max(*retired_through, range.end);
}

// The tier's directory, and the pages of a part.
static void retire_part(const TierImage &image, Part part, PageList *retiring) {
    const TierDirectory &directory = *image.directory;
    uint32 codes = 0, tids = 0;
    retire_directory(image, retiring);
    for (uint32 leaf = part.first; leaf < part.end; leaf++) {
        retire_pages(directory.code_pages, code_pages_of(directory, leaf), &codes, retiring);
        retire_pages(directory.tid_pages, tid_pages_of(directory, leaf), &tids, retiring);
    }
}

static void retire_tier(const TierImage &image, PageList *retiring) {
    retire_part(image, {0, image.tier.leaves}, retiring);
}

// Opens the sources and the writers.
static void open_merge(LeafMerge *merge, const Meta &meta, const MergeSources &sources, PageList *retiring) {
    TierImage *largest = merge->largest = load_image(merge->index, meta, meta.tiers[0]);
    merge->leaf_counts = static_cast<int64 *>(
        palloc_extended(sizeof(int64) * largest->tier.leaves, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    RowStore *rows = make_row_store(largest->words, maintenance_work_mem * INT64CONST(1024) / 2);
    collect_pending(merge->index, meta, sources, rows, retiring);
    merge->pending = order_pending(*largest, rows);
    free_row_store(rows);
    for (int64 i = 0; i < merge->pending->count; i++)
        merge->leaf_counts[merge->pending->order[i].key >> 16]++;
    add_source(merge, nullptr);
    for (uint32 t = sources.first_tier; t < meta.tiers_count; t++) {
        TierImage *image = load_image(merge->index, meta, meta.tiers[t]);
        add_source(merge, read_leaves(image, number_leaves(*largest, *image), 0, image->tier.leaves));
        retire_tier(*image, retiring);
    }
    merge->small = make_writer(*merge);
    merge->part = choose_part(*largest, sources.part_pages);
    if (sources.part_pages == 0) return;
    add_source(merge, read_leaves(largest, nullptr, merge->part.first, merge->part.end));
    retire_part(*largest, merge->part, retiring);
    merge->large = make_writer(*merge);
    merge->next_leaf = merge->part.first;
    share_leaves(merge->large, *largest, 0, merge->part.first);
}

void merge_by_leaves(Relation index, const Meta &meta, const MergeSources &sources) {
    auto merge = static_cast<LeafMerge *>(palloc0(sizeof(LeafMerge)));
    merge->index = index;
    PageList retiring = {};
    open_merge(merge, meta, sources, &retiring);
    write_rows(merge);
    finish_codes(merge->small);
    if (merge->large != nullptr) {
        begin_leaves_up_to(merge, merge->part.end);
        share_leaves(merge->large, *merge->largest, merge->part.end, merge->largest->tier.leaves);
    }
    set_reach(merge);
    Tier large, small;
    const bool any_small = merge->small->entries > 0;
    if (any_small) small = finish_small(merge);
    if (merge->large != nullptr)
        large = finish_large(merge, merge->sources[merge->sources_count - 1].tier->dead);
    switch_over(index, sources, merge->large != nullptr ? &large : nullptr, any_small ? &small : nullptr,
                retiring);
}

}  // namespace imagehash::index
