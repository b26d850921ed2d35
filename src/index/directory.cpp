// Reading a tier's directory; see directory.h.
#include "index/directory.h"

#include "index/arena.h"

extern "C" {
#include "utils/memutils.h"
}

namespace imagehash::index {

LeafColumns leaf_columns(Page page, int words) {
    const int capacity = leaf_capacity(words);
    LeafColumns columns;
    char *end_of_centroids = page + kCodesOffset + capacity * words * sizeof(uint64);
    columns.first_segment = reinterpret_cast<uint32 *>(end_of_centroids);
    columns.entries = columns.first_segment + capacity;
    columns.rmin = reinterpret_cast<uint16 *>(columns.entries + capacity);
    columns.rmax = columns.rmin + capacity;
    return columns;
}

// --- root pages -----------------------------------------------------------------------------------

// Goes through the chain of root pages; stops after `limit` references.
struct RootWalk {
    Relation index;
    const Tier *tier;
    const Root *first;  // which says what kind each reference is of
    uint32 limit;
    bool roots;  // are visited too
    RefVisitor visit;
    void *state;
};

static PageKind kind_of_ref(const Root &root, uint32 number) {
    if (number < root.leaf_pages) return kLeafPage;
    return number < root.leaf_pages + root.segment_pages ? kSegmentPage : kCodePage;
}

static void walk_roots(const RootWalk &walk) {
    PageRef ref = walk.tier->root;
    uint32 number = 0;
    // Every root page but the last is full, so the tier's number of pages ends the walk of any chain.
    while (ref.block != 0 && number < walk.limit) {
        CHECK_FOR_INTERRUPTS();
        if (walk.roots) walk.visit(ref, kRootPage, walk.state);
        Buffer buffer = read_ref(walk.index, ref, kRootPage, kAnyWords);
        Page page = BufferGetPage(buffer);
        int count = page_count(page);
        PageRef next = page_root(page)->next;
        if (count == 0 || (next.block != 0 && count < kRefsPerPage))
            report_corruption(walk.index, ref.block, psprintf("The root page has %d references.", count));
        for (int i = 0; i < count && number < walk.limit; i++, number++)
            walk.visit(root_refs(page)[i], kind_of_ref(*walk.first, number), walk.state);
        UnlockReleaseBuffer(buffer);
        ref = next;
    }
    if (number < walk.limit)
        report_corruption(walk.index, walk.tier->root.block,
                          psprintf("The tier has %u references, not %u.", number, walk.limit));
}

static Root read_root(Relation index, const Tier &tier) {
    Buffer buffer = read_ref(index, tier.root, kRootPage, kAnyWords);
    Root root = *page_root(BufferGetPage(buffer));
    UnlockReleaseBuffer(buffer);
    return root;
}

TierStatistics read_statistics(Relation index, const Tier &tier) {
    return read_root(index, tier).statistics;
}

void visit_tier_pages(Relation index, const Tier &tier, RefVisitor visit, void *state) {
    Root root = read_root(index, tier);
    walk_roots(
        {index, &tier, &root, root.leaf_pages + root.segment_pages + tier.code_pages, true, visit, state});
}

// --- leaves ---------------------------------------------------------------------------------------

static void keep_ref(PageRef ref, PageKind /* kind */, void *next) {
    *(*static_cast<PageRef **>(next))++ = ref;
}

static void load_refs(Directory *directory, const Tier &tier, TierDirectory *view) {
    view->tier = &tier;
    view->leaf_pages_count = pages_for(tier.leaves, leaf_capacity(directory->words));
    view->segment_pages_count = pages_for(tier.segments, kSegmentsPerPage);
    Root root = read_root(directory->index, tier);
    if (root.leaf_pages != view->leaf_pages_count || root.segment_pages != view->segment_pages_count)
        report_corruption(
            directory->index, tier.root.block,
            psprintf("The root page has %u leaf pages and %u segment pages for %u leaves and %u "
                     "segments.",
                     root.leaf_pages, root.segment_pages, tier.leaves, tier.segments));
    uint32 count = view->leaf_pages_count + view->segment_pages_count;
    view->leaf_pages = static_cast<PageRef *>(palloc_extended(sizeof(PageRef) * count, MCXT_ALLOC_HUGE));
    view->segment_pages = view->leaf_pages + view->leaf_pages_count;
    view->segments = static_cast<Segment **>(palloc0(sizeof(Segment *) * view->segment_pages_count));
    PageRef *next = view->leaf_pages;
    walk_roots({directory->index, &tier, &root, count, false, keep_ref, &next});
}

// A page's leaves, from the directory's leaf number `first` on.
static void load_leaf_page(Directory *directory, PageRef ref, uint32 first, uint32 count,
                           const uint64 *const *queries, int queries_count, uint16 *const *distances) {
    Buffer buffer = read_ref(directory->index, ref, kLeafPage, directory->words);
    Page page = BufferGetPage(buffer);
    if (static_cast<uint32>(page_count(page)) != count)
        report_corruption(directory->index, ref.block,
                          psprintf("The page has %d leaves, not %u.", page_count(page), count));
    LeafColumns columns = leaf_columns(page, directory->words);
    memcpy(directory->rmin + first, columns.rmin, count * sizeof(uint16));
    memcpy(directory->rmax + first, columns.rmax, count * sizeof(uint16));
    memcpy(directory->first_segment + first, columns.first_segment, count * sizeof(uint32));
    memcpy(directory->entries + first, columns.entries, count * sizeof(uint32));
    for (int q = 0; q < queries_count; q++)
        hamming::best_kernel().distances(page_codes(page), count, directory->words, queries[q],
                                         distances[q] + first);
    UnlockReleaseBuffer(buffer);
}

static void load_leaves(Directory *directory, const TierDirectory &view, const uint64 *const *queries,
                        int queries_count, uint16 *const *distances) {
    const uint32 capacity = leaf_capacity(directory->words);
    for (uint32 p = 0; p < view.leaf_pages_count; p++) {
        CHECK_FOR_INTERRUPTS();
        load_leaf_page(directory, view.leaf_pages[p], view.first_leaf + p * capacity,
                       Min(capacity, view.tier->leaves - p * capacity), queries, queries_count, distances);
    }
}

void load_directory(Relation index, const Meta &meta, const uint64 *const *queries, int queries_count,
                    Directory *directory, uint16 **distances) {
    memset(directory, 0, sizeof *directory);
    directory->index = index;
    directory->context = CurrentMemoryContext;
    directory->words = meta.words();
    directory->bits = static_cast<int>(meta.bits);
    directory->tiers_count = static_cast<int>(meta.tiers_count);
    for (int t = 0; t < directory->tiers_count; t++) {
        directory->tiers[t].first_leaf = directory->leaves;
        load_refs(directory, meta.tiers[t], &directory->tiers[t]);
        directory->leaves += meta.tiers[t].leaves;
        directory->segments += meta.tiers[t].segments;
    }
    // The kernel writes distances by the block.
    const Size room = static_cast<Size>(directory->leaves) + hamming::kBlock;
    auto shorts =
        static_cast<uint16 *>(arena_alloc(directory->context, room * sizeof(uint16) * (2 + queries_count)));
    auto longs = static_cast<uint32 *>(arena_alloc(directory->context, room * sizeof(uint32) * 2));
    directory->rmin = shorts;
    directory->rmax = shorts + room;
    directory->first_segment = longs;
    directory->entries = longs + room;
    for (int q = 0; q < queries_count; q++) distances[q] = shorts + room * (2 + q);
    for (int t = 0; t < directory->tiers_count; t++)
        load_leaves(directory, directory->tiers[t], queries, queries_count, distances);
}

const TierDirectory &tier_of_leaf(const Directory &directory, uint32 leaf) {
    int t = 0;
    while (t + 1 < directory.tiers_count && leaf >= directory.tiers[t + 1].first_leaf) t++;
    return directory.tiers[t];
}

static uint32 end_of_segments(const Directory &directory, const TierDirectory &view, uint32 leaf) {
    bool last = leaf + 1 == view.first_leaf + view.tier->leaves;
    return last ? view.tier->segments : directory.first_segment[leaf + 1];
}

static void check_leaf(const Directory &directory, const TierDirectory &view, uint32 leaf, uint32 end) {
    if (directory.first_segment[leaf] <= end && end <= view.tier->segments &&
        directory.rmin[leaf] <= directory.rmax[leaf] && directory.rmax[leaf] <= directory.bits)
        return;
    uint32 place = leaf - view.first_leaf;
    report_corruption(directory.index, view.leaf_pages[place / leaf_capacity(directory.words)].block,
                      psprintf("Leaf %u has segments %u to %u of %u, and radii %u to %u.", place,
                               directory.first_segment[leaf], end, view.tier->segments, directory.rmin[leaf],
                               directory.rmax[leaf]));
}

uint32 segments_of_leaf(const Directory &directory, uint32 leaf) {
    const TierDirectory &view = tier_of_leaf(directory, leaf);
    uint32 end = end_of_segments(directory, view, leaf);
    check_leaf(directory, view, leaf, end);
    return end - directory.first_segment[leaf];
}

static void check_segment(const Directory &directory, PageRef page, int i, const Segment &segment) {
    if (segment.start % hamming::kBlock == 0 && segment.count > 0 &&
        segment.start + segment.count <= Layout::of_words(directory.words).capacity &&
        segment.rmin <= segment.rmax && segment.rmax <= directory.bits)
        return;
    report_corruption(directory.index, page.block,
                      psprintf("Segment %d says entries %u to %u, radii %u to %u.", i, segment.start,
                               segment.start + segment.count, segment.rmin, segment.rmax));
}

// A copy of a page of segments, in order or an ERROR.
static Segment *copy_segments(const Directory &directory, const TierDirectory &view, uint32 number) {
    PageRef ref = view.segment_pages[number];
    uint32 count =
        Min(static_cast<uint32>(kSegmentsPerPage), view.tier->segments - number * kSegmentsPerPage);
    auto copy = static_cast<Segment *>(arena_alloc(directory.context, sizeof(Segment) * count));
    Buffer buffer = read_ref(directory.index, ref, kSegmentPage, directory.words);
    Page page = BufferGetPage(buffer);
    if (static_cast<uint32>(page_count(page)) != count)
        report_corruption(directory.index, ref.block,
                          psprintf("The page has %d segments, not %u.", page_count(page), count));
    memcpy(copy, page + kCodesOffset, sizeof(Segment) * count);
    UnlockReleaseBuffer(buffer);
    for (uint32 i = 0; i < count; i++) check_segment(directory, ref, static_cast<int>(i), copy[i]);
    return copy;
}

void visit_segments(const Directory &directory, uint32 leaf, SegmentVisitor visit, void *state) {
    const TierDirectory &view = tier_of_leaf(directory, leaf);
    uint32 end = end_of_segments(directory, view, leaf);
    check_leaf(directory, view, leaf, end);
    for (uint32 s = directory.first_segment[leaf]; s < end; s++) {
        Segment **segments = &view.segments[s / kSegmentsPerPage];
        if (*segments == nullptr) *segments = copy_segments(directory, view, s / kSegmentsPerPage);
        visit((*segments)[s % kSegmentsPerPage], state);
    }
}

}  // namespace imagehash::index
