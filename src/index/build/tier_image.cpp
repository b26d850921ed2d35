// The directory is read as scans read it (load_tier()), then copied: leaves row by row, all segments, and the
// references to all pages.
#include "index/build/tier_image.h"

#include "index/store/growing_array.h"

extern "C" {
#include "utils/memutils.h"
}

namespace imagehash::index {

static void keep_page(PageRef ref, PageKind kind, void *state) {
    auto image = static_cast<TierImage *>(state);
    if (kind == kTierRootPage) {
        make_room(&image->roots, image->roots_count, &image->roots_room);
        image->roots[image->roots_count++] = ref;
        return;
    }
    make_room(&image->pages, image->pages_count, &image->pages_room);
    image->pages[image->pages_count++] = ref;
}

static void keep_segment(const Segment &segment, void *next) {
    *(*static_cast<Segment **>(next))++ = segment;
}

// Copies a leaf with its segments. Who writes the leaf's rows elsewhere relies on its number of entries.
static void copy_leaf(TierImage *image, TierDirectory *directory, uint32 leaf) {
    load_code(directory->centroids, image->words, static_cast<int>(leaf),
              image->centroids + static_cast<Size>(leaf) * image->words);
    LeafRow *row = &image->leaves[leaf];
    *row = {static_cast<uint16>(directory->rmin[leaf]), static_cast<uint16>(directory->rmax[leaf]),
            directory->first_segment[leaf], directory->entries[leaf]};
    Segment *first = image->segments + row->first_segment, *next = first;
    visit_segments(image->index, directory, leaf, keep_segment, &next);
    uint64 entries = 0;
    for (const Segment *segment = first; segment < next; segment++) entries += segment->count;
    if (entries != row->entries)
        report_corruption(image->index, image->tier.root.block,
                          psprintf("Leaf %u of %u entries has segments of " UINT64_FORMAT ".", leaf,
                                   row->entries, entries));
}

TierImage *load_image(Relation index, const Meta &meta, const Tier &tier) {
    auto image = static_cast<TierImage *>(palloc0(sizeof(TierImage)));
    TierDirectory *directory = load_tier(index, tier, meta.words(), static_cast<int>(meta.bits));
    image->index = index;
    image->tier = tier;
    image->words = meta.words();
    image->statistics = directory->statistics;
    visit_tier_pages(index, tier, keep_page, image);
    const uint32 centroid_pages = pages_for(tier.leaves, leaf_capacity(image->words));
    const uint32 segment_pages = pages_for(tier.segments, kSegmentsPerPage);
    if (image->pages_count != static_cast<int64>(centroid_pages) + segment_pages + tier.code_pages)
        report_corruption(index, tier.root.block,
                          psprintf("The tier refers to " INT64_FORMAT " pages for %u leaves, %u segments and "
                                   "%u pages of codes.",
                                   image->pages_count, tier.leaves, tier.segments, tier.code_pages));
    const Size leaves = tier.leaves;
    image->centroids =
        static_cast<uint64 *>(palloc_extended(sizeof(uint64) * image->words * leaves, MCXT_ALLOC_HUGE));
    image->leaves = static_cast<LeafRow *>(palloc_extended(sizeof(LeafRow) * leaves, MCXT_ALLOC_HUGE));
    image->segments = static_cast<Segment *>(
        palloc_extended(sizeof(Segment) * Max(tier.segments, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    for (uint32 leaf = 0; leaf < tier.leaves; leaf++) copy_leaf(image, directory, leaf);
    MemoryContextDelete(directory->context);
    return image;
}

bool leaf_starts_page(const TierImage &image, uint32 leaf) {
    if (leaf >= image.tier.leaves) return true;
    uint32 segment = image.leaves[leaf].first_segment;
    return segment == 0 || segment == image.tier.segments ||
           image.segments[segment].page.block != image.segments[segment - 1].page.block;
}

}  // namespace imagehash::index
