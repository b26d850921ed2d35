// A directory is read top down: tier root pages refer to all others. Each number that leads to another place
// is checked as it is read.
#include "index/store/directory.h"

extern "C" {
#include "utils/memutils.h"
}

namespace imagehash::index {

LeafColumns leaf_columns(Page page, int words) {
    const int capacity = leaf_capacity(words);
    LeafColumns columns;
    char *end_of_centroids = page + kCodesOffset + capacity * words * sizeof(uint64);
    columns.entries = reinterpret_cast<uint32 *>(end_of_centroids);
    columns.first_group = columns.entries + capacity;
    columns.first_tid = columns.first_group + capacity;
    columns.rmin = reinterpret_cast<uint16 *>(columns.first_tid + capacity);
    columns.rmax = columns.rmin + capacity;
    return columns;
}

QueryPlace place_of_query(const int64 *held, int bits) {
    QueryPlace place = {0, 0};
    int64 rows = held[0];
    for (; place.near < bits && rows < kNearRows; rows += held[++place.near]) {
    }
    place.home = place.near;
    for (; place.home < bits && rows < kHomeRows; rows += held[++place.home]) {
    }
    return place;
}

// --- tier root pages --------------------------------------------------------------------------------

namespace {

// Goes through the chain of tier root pages.
struct RootWalk {
    Relation index;
    const Tier *tier;
    const Root *first;  // which says what kind each reference is of
    bool roots;         // are visited too
    RefVisitor visit;
    void *state;
};

}  // namespace

static PageKind kind_of_ref(const RootWalk &walk, uint32 number) {
    const Root &root = *walk.first;
    if (number < root.centroid_pages) return kCentroidPage;
    number -= root.centroid_pages;
    if (number < root.radius_pages) return kRadiusPage;
    return number - root.radius_pages < walk.tier->code_pages ? kCodePage : kTidPage;
}

// References that the tier should have.
static uint32 count_of_refs(const Root &root, const Tier &tier) {
    return root.centroid_pages + root.radius_pages + tier.code_pages + tier.tid_pages;
}

static void walk_roots(const RootWalk &walk) {
    PageRef ref = walk.tier->root;
    const uint32 limit = count_of_refs(*walk.first, *walk.tier);
    uint32 number = 0;
    // Every tier root page but the last is full, so the tier's number of pages ends the walk of any chain.
    while (ref.block != 0 && number < limit) {
        CHECK_FOR_INTERRUPTS();
        if (walk.roots) walk.visit(ref, kTierRootPage, walk.state);
        Buffer buffer = read_ref(walk.index, ref, kTierRootPage, kAnyWords);
        Page page = BufferGetPage(buffer);
        int count = page_count(page);
        PageRef next = page_root(page)->next;
        if (count == 0 || (next.block != 0 && count < kRefsPerPage))
            report_corruption(walk.index, ref.block,
                              psprintf("The tier root page has %d references.", count));
        for (int i = 0; i < count && number < limit; i++, number++)
            walk.visit(root_refs(page)[i], kind_of_ref(walk, number), walk.state);
        UnlockReleaseBuffer(buffer);
        ref = next;
    }
    if (number < limit)
        report_corruption(walk.index, walk.tier->root.block,
                          psprintf("The tier has %u references, not %u.", number, limit));
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
    walk_roots({index, &tier, &root, true, visit, state});
}

// --- leaves ---------------------------------------------------------------------------------------

namespace {

// Where the references of each kind go.
struct RefLists {
    PageRef *of_kind[kTidPage + 1];
};

}  // namespace

static void keep_ref(PageRef ref, PageKind kind, void *lists_pointer) {
    *static_cast<RefLists *>(lists_pointer)->of_kind[kind]++ = ref;
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
    memcpy(directory->entries + first, columns.entries, count * sizeof(uint32));
    memcpy(directory->first_group + first, columns.first_group, count * sizeof(uint32));
    memcpy(directory->first_tid + first, columns.first_tid, count * sizeof(uint32));
    UnlockReleaseBuffer(buffer);
}

static void load_radius_page(Relation index, PageRef ref, uint32 first, uint32 count, int16 *radii) {
    Buffer buffer = read_ref(index, ref, kRadiusPage, kAnyWords);
    Page page = BufferGetPage(buffer);
    if (static_cast<uint32>(page_count(page)) != count)
        report_corruption(index, ref.block,
                          psprintf("The page has %d radii, not %u.", page_count(page), count));
    memcpy(radii + first, page + kCodesOffset, count * sizeof(int16));
    UnlockReleaseBuffer(buffer);
}

// Whether the leaf's radii ascend from its least to its greatest.
static bool radii_are_in_order(const TierDirectory &directory, uint32 leaf) {
    const int16 *radii = directory.radii + directory.first_radius[leaf];
    int before = directory.rmin[leaf];
    for (uint32 g = 0; g < groups_of_leaf(directory, leaf); g++) {
        if (radii[g] < before) return false;
        before = radii[g];
    }
    return before <= directory.rmax[leaf];
}

// Counts the groups, and checks that every leaf lies within the tier's pages.
static void check_leaves(Relation index, const Tier &tier, TierDirectory *directory,
                         const PageRef *centroid_pages) {
    const uint64 groups = static_cast<uint64>(tier.code_pages) * groups_per_page(directory->words);
    const uint64 tids = static_cast<uint64>(tier.tid_pages) * kTidsPerPage;
    uint64 counted = 0;
    for (uint32 i = 0; i < directory->leaves; i++) {
        const uint64 entries = directory->entries[i], own_groups = groups_for(entries);
        const int rmin = directory->rmin[i], rmax = directory->rmax[i];
        directory->first_radius[i] = static_cast<uint32>(counted);
        counted += own_groups;
        if (counted <= directory->groups && 0 <= rmin && rmin <= rmax && rmax <= directory->bits &&
            (entries == 0 ||
             (directory->first_group[i] + own_groups <= groups && directory->first_tid[i] + entries <= tids)))
            continue;
        report_corruption(
            index, centroid_pages[i / leaf_capacity(directory->words)].block,
            psprintf("Leaf %u has " UINT64_FORMAT " entries from group %u and TID %u on, and "
                     "radii %d to %d.",
                     i, entries, directory->first_group[i], directory->first_tid[i], rmin, rmax));
    }
    if (counted != directory->groups)
        report_corruption(
            index, tier.root.block,
            psprintf("The leaves have " UINT64_FORMAT " groups, not %u.", counted, directory->groups));
    directory->first_radius[directory->leaves] = directory->groups;
}

static void load_radii(Relation index, const Tier &tier, const PageRef *radius_pages,
                       TierDirectory *directory) {
    directory->radii = make_array<int16>(directory, directory->groups);
    for (uint32 first = 0; first < directory->groups; first += kRadiiPerPage) {
        CHECK_FOR_INTERRUPTS();
        load_radius_page(index, *radius_pages++, first,
                         Min(static_cast<uint32>(kRadiiPerPage), directory->groups - first),
                         directory->radii);
    }
    for (uint32 leaf = 0; leaf < directory->leaves; leaf++)
        if (!radii_are_in_order(*directory, leaf))
            report_corruption(index, tier.root.block,
                              psprintf("The radii of leaf %u are not in order.", leaf));
}

static PageRef *make_ref_list(uint32 count) {
    return static_cast<PageRef *>(
        palloc_extended(sizeof(PageRef) * Max(count, static_cast<uint32>(1)), MCXT_ALLOC_HUGE));
}

static void load_leaves(Relation index, const Tier &tier, TierDirectory *directory) {
    const uint32 capacity = leaf_capacity(directory->words);
    const uint32 centroid_pages_count = pages_for(tier.leaves, capacity);
    const uint32 radius_pages_count = pages_for(tier.groups, kRadiiPerPage);
    Root root = read_root(index, tier);
    if (root.centroid_pages != centroid_pages_count ||
        (root.radius_pages != radius_pages_count && root.radius_pages != 0))
        report_corruption(
            index, tier.root.block,
            psprintf("The tier root page has %u centroid pages and %u radius pages for %u leaves and %u "
                     "groups.",
                     root.centroid_pages, root.radius_pages, tier.leaves, tier.groups));
    directory->statistics = root.statistics;
    directory->code_pages = make_array<PageRef>(directory, tier.code_pages);
    directory->tid_pages = make_array<PageRef>(directory, tier.tid_pages);
    PageRef *centroid_pages = make_ref_list(centroid_pages_count);
    PageRef *radius_pages = make_ref_list(root.radius_pages);
    RefLists lists = {};
    lists.of_kind[kCentroidPage] = centroid_pages;
    lists.of_kind[kRadiusPage] = radius_pages;
    lists.of_kind[kCodePage] = directory->code_pages;
    lists.of_kind[kTidPage] = directory->tid_pages;
    walk_roots({index, &tier, &root, false, keep_ref, &lists});

    // The kernel reads centroids, and the scan bounds, by the block.
    const uint64 room = TYPEALIGN(hamming::kBlock, tier.leaves);
    directory->centroids = make_array<uint64>(directory, room * directory->words);
    directory->rmin = make_array<int16>(directory, room);
    directory->rmax = make_array<int16>(directory, room);
    directory->entries = make_array<uint32>(directory, tier.leaves);
    directory->first_group = make_array<uint32>(directory, tier.leaves);
    directory->first_radius = make_array<uint32>(directory, tier.leaves + UINT64CONST(1));
    directory->first_tid = make_array<uint32>(directory, tier.leaves);
    for (uint32 p = 0; p < centroid_pages_count; p++) {
        CHECK_FOR_INTERRUPTS();
        load_leaf_page(index, centroid_pages[p], p * capacity, Min(capacity, tier.leaves - p * capacity),
                       directory);
    }
    check_leaves(index, tier, directory, centroid_pages);
    if (root.radius_pages > 0) load_radii(index, tier, radius_pages, directory);
    pfree(radius_pages);
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
    directory->groups = tier.groups;
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
    }
}

void centroid_distances(const Directory &directory, const uint64 *query, uint16 *distances) {
    for (int t = 0; t < directory.tiers_count; t++) {
        const TierDirectory &leaves = *directory.tiers[t].leaves;
        hamming::best_kernel().distances(leaves.centroids, leaves.leaves, leaves.words, query,
                                         distances + directory.tiers[t].first_leaf);
    }
}

int tier_of_leaf(const Directory &directory, uint32 leaf) {
    int t = 0;
    while (t + 1 < directory.tiers_count && leaf >= directory.tiers[t + 1].first_leaf) t++;
    return t;
}

}  // namespace imagehash::index
