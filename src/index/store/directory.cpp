// A directory is read top down: tier root pages refer to centroid pages and segment pages. Each number that
// leads to another place is checked as it is read.
#include "index/store/directory.h"

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

// --- tier root pages --------------------------------------------------------------------------------

namespace {

// Goes through the chain of tier root pages; stops after `limit` references.
struct RootWalk {
    Relation index;
    const Tier *tier;
    const Root *first;  // which says what kind each reference is of
    uint32 limit;
    bool roots;  // are visited too
    RefVisitor visit;
    void *state;
};

}  // namespace

static PageKind kind_of_ref(const Root &root, uint32 number) {
    if (number < root.centroid_pages) return kCentroidPage;
    return number < root.centroid_pages + root.segment_pages ? kSegmentPage : kCodePage;
}

static void walk_roots(const RootWalk &walk) {
    PageRef ref = walk.tier->root;
    uint32 number = 0;
    // Every tier root page but the last is full, so the tier's number of pages ends the walk of any chain.
    while (ref.block != 0 && number < walk.limit) {
        CHECK_FOR_INTERRUPTS();
        if (walk.roots) walk.visit(ref, kTierRootPage, walk.state);
        Buffer buffer = read_ref(walk.index, ref, kTierRootPage, kAnyWords);
        Page page = BufferGetPage(buffer);
        int count = page_count(page);
        PageRef next = page_root(page)->next;
        if (count == 0 || (next.block != 0 && count < kRefsPerPage))
            report_corruption(walk.index, ref.block,
                              psprintf("The tier root page has %d references.", count));
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
    Buffer buffer = read_ref(index, tier.root, kTierRootPage, kAnyWords);
    Root root = *page_root(BufferGetPage(buffer));
    UnlockReleaseBuffer(buffer);
    return root;
}

TierStatistics read_statistics(Relation index, const Tier &tier) {
    return read_root(index, tier).statistics;
}

void visit_tier_pages(Relation index, const Tier &tier, RefVisitor visit, void *state) {
    Root root = read_root(index, tier);
    walk_roots({index, &tier, &root, root.centroid_pages + root.segment_pages + tier.code_pages, true, visit,
                state});
}

// --- leaves ---------------------------------------------------------------------------------------

namespace {

struct RefLists {
    PageRef *centroid_pages;
    PageRef *segment_pages;
};

}  // namespace

static void keep_ref(PageRef ref, PageKind kind, void *lists_pointer) {
    auto lists = static_cast<RefLists *>(lists_pointer);
    *(kind == kCentroidPage ? lists->centroid_pages : lists->segment_pages)++ = ref;
}

// An array that belongs to the directory.
template <typename T>
static T *make_array(TierDirectory *directory, uint64 count) {
    Size size = sizeof(T) * count;
    directory->bytes += size;
    return static_cast<T *>(
        MemoryContextAllocExtended(directory->context, size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
}

// A page's leaves, from the directory's leaf number `first` on.
static void load_leaf_page(Relation index, PageRef ref, uint32 first, uint32 count,
                           TierDirectory *directory) {
    Buffer buffer = read_ref(index, ref, kCentroidPage, directory->words);
    Page page = BufferGetPage(buffer);
    if (static_cast<uint32>(page_count(page)) != count)
        report_corruption(index, ref.block,
                          psprintf("The page has %d leaves, not %u.", page_count(page), count));
    LeafColumns columns = leaf_columns(page, directory->words);
    memcpy(directory->centroids + static_cast<Size>(first) * directory->words, page_codes(page),
           TYPEALIGN(hamming::kBlock, count) * directory->words * sizeof(uint64));
    memcpy(directory->rmin + first, columns.rmin, count * sizeof(uint16));
    memcpy(directory->rmax + first, columns.rmax, count * sizeof(uint16));
    memcpy(directory->first_segment + first, columns.first_segment, count * sizeof(uint32));
    memcpy(directory->entries + first, columns.entries, count * sizeof(uint32));
    UnlockReleaseBuffer(buffer);
}

static void check_leaves(Relation index, const TierDirectory &directory, const PageRef *centroid_pages) {
    for (uint32 i = 0; i < directory.leaves; i++) {
        uint32 first = directory.first_segment[i], end = directory.first_segment[i + 1];
        int rmin = directory.rmin[i], rmax = directory.rmax[i];
        if (first <= end && end <= directory.segments && 0 <= rmin && rmin <= rmax && rmax <= directory.bits)
            continue;
        report_corruption(index, centroid_pages[i / leaf_capacity(directory.words)].block,
                          psprintf("Leaf %u has segments %u to %u of %u, and radii %d to %d.", i, first, end,
                                   directory.segments, rmin, rmax));
    }
}

static void load_leaves(Relation index, const Tier &tier, TierDirectory *directory) {
    const uint32 capacity = leaf_capacity(directory->words);
    const uint32 centroid_pages_count = pages_for(tier.leaves, capacity);
    const uint32 segment_pages_count = pages_for(tier.segments, kSegmentsPerPage);
    Root root = read_root(index, tier);
    if (root.centroid_pages != centroid_pages_count || root.segment_pages != segment_pages_count)
        report_corruption(
            index, tier.root.block,
            psprintf("The tier root page has %u centroid pages and %u segment pages for %u leaves and %u "
                     "segments.",
                     root.centroid_pages, root.segment_pages, tier.leaves, tier.segments));
    directory->statistics = root.statistics;
    directory->segment_pages = make_array<PageRef>(directory, segment_pages_count);
    directory->segments_of_page = make_array<Segment *>(directory, segment_pages_count);
    auto centroid_pages =
        static_cast<PageRef *>(palloc_extended(sizeof(PageRef) * centroid_pages_count, MCXT_ALLOC_HUGE));
    RefLists lists = {centroid_pages, directory->segment_pages};
    walk_roots({index, &tier, &root, centroid_pages_count + segment_pages_count, false, keep_ref, &lists});

    // The kernel reads centroids, and the scan bounds, by the block.
    const uint64 room = TYPEALIGN(hamming::kBlock, tier.leaves);
    directory->centroids = make_array<uint64>(directory, room * directory->words);
    directory->rmin = make_array<int16>(directory, room);
    directory->rmax = make_array<int16>(directory, room);
    directory->first_segment = make_array<uint32>(directory, tier.leaves + UINT64CONST(1));
    directory->entries = make_array<uint32>(directory, tier.leaves);
    for (uint32 p = 0; p < centroid_pages_count; p++) {
        CHECK_FOR_INTERRUPTS();
        load_leaf_page(index, centroid_pages[p], p * capacity, Min(capacity, tier.leaves - p * capacity),
                       directory);
    }
    directory->first_segment[tier.leaves] = tier.segments;
    check_leaves(index, *directory, centroid_pages);
    pfree(centroid_pages);
}

TierDirectory *load_tier(Relation index, const Tier &tier, int words, int bits) {
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "hamming tier", ALLOCSET_SMALL_SIZES);
    auto directory = static_cast<TierDirectory *>(MemoryContextAllocZero(context, sizeof(TierDirectory)));
    directory->context = context;
    directory->id = tier.id;
    directory->words = words;
    directory->bits = bits;
    directory->leaves = tier.leaves;
    directory->segments = tier.segments;
    load_leaves(index, tier, directory);
    return directory;
}

void make_directory(Relation index, const Meta &meta, TierSource source, Directory *directory) {
    memset(directory, 0, sizeof *directory);
    directory->index = index;
    directory->tiers_count = static_cast<int>(meta.tiers_count);
    for (int t = 0; t < directory->tiers_count; t++) {
        const Tier &tier = meta.tiers[t];
        directory->tiers[t] = {&tier, source(index, tier, meta.words(), static_cast<int>(meta.bits)),
                               directory->leaves};
        // So that each tier's leaves begin with a block.
        directory->leaves += TYPEALIGN(hamming::kBlock, tier.leaves);
        directory->segments += tier.segments;
    }
}

void centroid_distances(const Directory &directory, const uint64 *query, uint16 *distances) {
    for (int t = 0; t < directory.tiers_count; t++) {
        const TierDirectory &leaves = *directory.tiers[t].leaves;
        hamming::best_kernel().distances(leaves.centroids, leaves.leaves, leaves.words, query,
                                         distances + directory.tiers[t].first_leaf);
    }
}

const TierView &tier_of_leaf(const Directory &directory, uint32 leaf) {
    int t = 0;
    while (t + 1 < directory.tiers_count && leaf >= directory.tiers[t + 1].first_leaf) t++;
    return directory.tiers[t];
}

// --- segments -------------------------------------------------------------------------------------

static void check_segment(Relation index, const TierDirectory &directory, PageRef page, int i,
                          const Segment &segment) {
    if (segment.count > 0 && segment.start + segment.count <= Layout::of_words(directory.words).capacity &&
        segment.rmin <= segment.rmax && segment.rmax <= directory.bits)
        return;
    report_corruption(index, page.block,
                      psprintf("Segment %d says entries %u to %u, radii %u to %u.", i, segment.start,
                               segment.start + segment.count, segment.rmin, segment.rmax));
}

void load_segments(Relation index, TierDirectory *directory, uint32 number) {
    PageRef ref = directory->segment_pages[number];
    uint32 count =
        Min(static_cast<uint32>(kSegmentsPerPage), directory->segments - number * kSegmentsPerPage);
    PGAlignedBlock copy;
    Buffer buffer = read_ref(index, ref, kSegmentPage, directory->words);
    memcpy(copy.data, BufferGetPage(buffer), BLCKSZ);
    UnlockReleaseBuffer(buffer);
    if (static_cast<uint32>(page_count(copy.data)) != count)
        report_corruption(index, ref.block,
                          psprintf("The page has %d segments, not %u.", page_count(copy.data), count));
    auto segments = reinterpret_cast<const Segment *>(copy.data + kCodesOffset);
    for (uint32 i = 0; i < count; i++)
        check_segment(index, *directory, ref, static_cast<int>(i), segments[i]);
    auto kept = make_array<Segment>(directory, count);
    memcpy(kept, segments, sizeof(Segment) * count);
    directory->segments_of_page[number] = kept;
}

void visit_segments(Relation index, TierDirectory *directory, uint32 place, SegmentVisitor visit,
                    void *state) {
    const uint32 end = directory->first_segment[place + 1];
    for (uint32 s = directory->first_segment[place]; s < end; s++)
        visit(segment_at(index, directory, s), state);
}

}  // namespace imagehash::index
