// Reading a tier's whole directory; see tier_image.h.
#include "index/tier_image.h"

#include "index/growing_array.h"

namespace imagehash::index {

static void keep_page(PageRef ref, PageKind kind, void *state) {
    auto image = static_cast<TierImage *>(state);
    if (kind == kRootPage) {
        make_room(&image->roots, image->roots_count, &image->roots_room);
        image->roots[image->roots_count++] = ref;
        return;
    }
    make_room(&image->pages, image->pages_count, &image->pages_room);
    image->pages[image->pages_count++] = ref;
}

static void check_count(const TierImage &image, PageRef ref, Page page, uint32 count) {
    if (static_cast<uint32>(page_count(page)) == count) return;
    report_corruption(image.index, ref.block,
                      psprintf("The directory page has %d entries, not %u.", page_count(page), count));
}

static void load_leaf_page(TierImage *image, PageRef ref, uint32 first, uint32 count) {
    Buffer buffer = read_ref(image->index, ref, kLeafPage, image->words);
    Page page = BufferGetPage(buffer);
    check_count(*image, ref, page, count);
    LeafColumns columns = leaf_columns(page, image->words);
    for (uint32 i = 0; i < count; i++) {
        load_code(page_codes(page), image->words, static_cast<int>(i),
                  image->centroids + static_cast<Size>(first + i) * image->words);
        image->leaves[first + i] = {columns.rmin[i], columns.rmax[i], columns.first_segment[i],
                                    columns.entries[i]};
    }
    UnlockReleaseBuffer(buffer);
}

static void load_segment_page(TierImage *image, PageRef ref, uint32 first, uint32 count) {
    Buffer buffer = read_ref(image->index, ref, kSegmentPage, kAnyWords);
    Page page = BufferGetPage(buffer);
    check_count(*image, ref, page, count);
    memcpy(image->segments + first, page + kCodesOffset, count * sizeof(Segment));
    UnlockReleaseBuffer(buffer);
}

static void check_segment(const TierImage &image, uint32 number) {
    const Segment &segment = image.segments[number];
    if (segment.start % hamming::kBlock == 0 && segment.count > 0 &&
        segment.start + segment.count <= Layout::of_words(image.words).capacity)
        return;
    report_corruption(
        image.index, image.tier.root.block,
        psprintf("Segment %u says entries %u to %u.", number, segment.start, segment.start + segment.count));
}

// Who writes the leaf's rows elsewhere relies on its number of entries.
static void check_leaf(const TierImage &image, uint32 leaf, int bits) {
    const LeafRow &row = image.leaves[leaf];
    const uint32 end = end_of_segments(image, leaf);
    if (row.first_segment > end || end > image.tier.segments || row.rmin > row.rmax || row.rmax > bits)
        report_corruption(image.index, image.tier.root.block,
                          psprintf("Leaf %u has segments %u to %u of %u, and radii %u to %u.", leaf,
                                   row.first_segment, end, image.tier.segments, row.rmin, row.rmax));
    uint64 entries = 0;
    for (uint32 s = row.first_segment; s < end; s++) {
        check_segment(image, s);
        entries += image.segments[s].count;
    }
    if (entries != row.entries)
        report_corruption(
            image.index, image.tier.root.block,
            psprintf("Leaf %u of %u entries has segments of " UINT64_FORMAT ".", leaf, row.entries, entries));
}

TierImage *load_image(Relation index, const Meta &meta, const Tier &tier) {
    auto image = static_cast<TierImage *>(palloc0(sizeof(TierImage)));
    image->index = index;
    image->tier = tier;
    image->words = meta.words();
    image->statistics = read_statistics(index, tier);
    visit_tier_pages(index, tier, keep_page, image);
    const uint32 per_leaf_page = leaf_capacity(image->words);
    const uint32 leaf_pages = pages_for(tier.leaves, leaf_capacity(image->words));
    const uint32 segment_pages = pages_for(tier.segments, kSegmentsPerPage);
    if (image->pages_count != static_cast<int64>(leaf_pages) + segment_pages + tier.code_pages)
        report_corruption(index, tier.root.block,
                          psprintf("The tier refers to " INT64_FORMAT " pages for %u leaves, %u segments and "
                                   "%u pages of codes.",
                                   image->pages_count, tier.leaves, tier.segments, tier.code_pages));
    const Size leaves = tier.leaves;
    image->centroids =
        static_cast<uint64 *>(palloc_extended(sizeof(uint64) * image->words * leaves, MCXT_ALLOC_HUGE));
    image->leaves = static_cast<LeafRow *>(palloc_extended(sizeof(LeafRow) * leaves, MCXT_ALLOC_HUGE));
    image->segments =
        static_cast<Segment *>(palloc_extended(sizeof(Segment) * Max(tier.segments, 1), MCXT_ALLOC_HUGE));
    for (uint32 p = 0; p < leaf_pages; p++)
        load_leaf_page(image, image->pages[p], p * per_leaf_page,
                       Min(per_leaf_page, tier.leaves - p * per_leaf_page));
    for (uint32 p = 0; p < segment_pages; p++) {
        uint32 first = p * kSegmentsPerPage;
        load_segment_page(image, image->pages[leaf_pages + p], first,
                          Min(static_cast<uint32>(kSegmentsPerPage), tier.segments - first));
    }
    for (uint32 leaf = 0; leaf < tier.leaves; leaf++) check_leaf(*image, leaf, static_cast<int>(meta.bits));
    return image;
}

bool leaf_starts_page(const TierImage &image, uint32 leaf) {
    if (leaf >= image.tier.leaves) return true;
    uint32 segment = image.leaves[leaf].first_segment;
    return segment == 0 || segment == image.tier.segments ||
           image.segments[segment].page.block != image.segments[segment - 1].page.block;
}

}  // namespace imagehash::index
