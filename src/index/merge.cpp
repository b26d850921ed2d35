// Merging pending pages and tiers into a new tier; see merge.h, and README.md for why the steps are in this
// order.
#include "index/merge.h"

#include "index/growing_array.h"
#include "index/options.h"
#include "index/recycle.h"
#include "index/row_store.h"
#include "index/tier_builder.h"

extern "C" {
#include "utils/memutils.h"
}

namespace imagehash::index {

// A tier stays as it is while it is at least so many times as large as what is merged.
static const int64 fan_out = 8;
static const uint32 most_tiers = 4;

// What a merge takes: all pending pages and the tiers from `first_tier` on, which are the smallest.
struct Sources {
    uint32 pending_count;
    uint32 first_tier;
};

static bool is_worn(const Tier &tier) {
    return tier.dead * 5 > tier.entries;
}

// Tiers are kept in the order of their size. A worn tier takes the smaller ones along.
static bool choose_sources(const Meta &meta, MergeWhen when, uint32 limit, Sources *sources) {
    sources->pending_count = meta.pending_count;
    sources->first_tier = meta.tiers_count;
    bool due = meta.pending_count >= (when == MergeWhen::full ? limit : limit / 4);
    int64 rows = static_cast<int64>(meta.pending_count) * Layout::of_words(meta.words()).capacity;
    if (when == MergeWhen::tidy)
        for (uint32 t = 0; t < meta.tiers_count && sources->first_tier == meta.tiers_count; t++)
            if (is_worn(meta.tiers[t])) sources->first_tier = t;
    if (!due && sources->first_tier == meta.tiers_count) return false;
    for (uint32 t = sources->first_tier; t < meta.tiers_count; t++) rows += meta.tiers[t].entries;
    while (sources->first_tier > 0) {
        const Tier &next = meta.tiers[sources->first_tier - 1];
        if (next.entries >= fan_out * rows && sources->first_tier < most_tiers) break;
        rows += next.entries;
        sources->first_tier--;
    }
    return true;
}

// No inserter adds to the page from now on.
static void close_page(Relation index, PageRef ref, int words) {
    Buffer buffer = read_page(index, ref.block, words, BUFFER_LOCK_EXCLUSIVE);
    if (!(page_trailer(BufferGetPage(buffer))->flags & kClosed)) {
        GenericXLogState *xlog = GenericXLogStart(index);
        page_trailer(GenericXLogRegisterBuffer(xlog, buffer, 0))->flags |= kClosed;
        GenericXLogFinish(xlog);
    }
    UnlockReleaseBuffer(buffer);
}

static void copy_rows(Relation index, PageRef ref, PageKind kind, int words, RowStore *rows) {
    CHECK_FOR_INTERRUPTS();
    PGAlignedBlock copy;  // the store may write files, so not under a lock
    Buffer buffer = read_ref(index, ref, kind, words);
    memcpy(copy.data, BufferGetPage(buffer), BLCKSZ);
    UnlockReleaseBuffer(buffer);
    for (int i = 0; i < page_count(copy.data); i++) {
        if (!tid_is_valid(page_tid(copy.data, i))) continue;
        uint64 code[kMaxWords];
        load_code(page_codes(copy.data), words, i, code);
        add_row(rows, code, page_tid(copy.data, i));
    }
}

struct PageList {
    PageRef *refs;
    int64 count;
    int64 room;
};

// The pages of the sources, and those of them that have rows of a tier.
struct SourcePages {
    PageList all;
    PageList codes;
};

static void add_ref(PageList *list, PageRef ref) {
    make_room(&list->refs, list->count, &list->room);
    list->refs[list->count++] = ref;
}

static void add_tier_page(PageRef ref, PageKind kind, void *state) {
    auto pages = static_cast<SourcePages *>(state);
    add_ref(&pages->all, ref);
    if (kind == kCodePage) add_ref(&pages->codes, ref);
}

// All rows of the sources; in `retiring` all their pages.
static RowStore *collect_rows(Relation index, const Meta &meta, const Sources &sources, PageList *retiring) {
    const int words = meta.words();
    RowStore *rows = make_row_store(words, maintenance_work_mem * INT64CONST(1024) / 2);
    SourcePages pages = {};
    for (uint32 p = 0; p < sources.pending_count; p++) close_page(index, meta.pending[p], words);
    for (uint32 p = 0; p < sources.pending_count; p++) {
        copy_rows(index, meta.pending[p], kPendingPage, words, rows);
        add_ref(&pages.all, meta.pending[p]);
    }
    for (uint32 t = sources.first_tier; t < meta.tiers_count; t++)
        visit_tier_pages(index, meta.tiers[t], add_tier_page, &pages);
    for (int64 c = 0; c < pages.codes.count; c++)
        copy_rows(index, pages.codes.refs[c], kCodePage, words, rows);
    *retiring = pages.all;
    return rows;
}

// In one WAL record the sources leave the index and the new tier enters it.
static void switch_over(Relation index, const Sources &sources, const Tier *tier) {
    MetaChange change;
    begin_meta_change(index, &change);
    Meta *meta = &change.meta;
    meta->pending_count -= sources.pending_count;
    memmove(meta->pending, meta->pending + sources.pending_count, meta->pending_count * sizeof(PageRef));
    meta->tiers_count = sources.first_tier;
    if (tier != nullptr) {
        uint32 t = meta->tiers_count++;
        for (; t > 0 && meta->tiers[t - 1].entries < tier->entries; t--) meta->tiers[t] = meta->tiers[t - 1];
        meta->tiers[t] = *tier;
    }
    finish_meta_change(&change);
}

void merge(Relation index, MergeWhen when) {
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "hamming merge", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(context);
    auto meta = static_cast<Meta *>(palloc(sizeof(Meta)));
    Sources sources;
    read_meta(index, meta);
    if (choose_sources(*meta, when, pending_limit(index), &sources)) {
        PageList retiring = {};
        RowStore *rows = collect_rows(index, *meta, sources, &retiring);
        Tier tier;
        if (rows->count > 0)
            tier = build_tier({index, static_cast<int>(meta->bits), wants_clustering(index), nullptr, false},
                              rows);
        switch_over(index, sources, rows->count > 0 ? &tier : nullptr);
        for (int64 r = 0; r < retiring.count; r++) retire_page(index, retiring.refs[r]);
        free_row_store(rows);
    }
    MemoryContextSwitchTo(old);
    MemoryContextDelete(context);
}

}  // namespace imagehash::index
