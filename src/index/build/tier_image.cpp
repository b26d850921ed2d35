// The directory is read as scans read it (load_tier()); merges want the centroids row by row too.
#include "index/build/tier_image.h"

#include "index/store/growing_array.h"

namespace imagehash::index {

static void keep_page(PageRef ref, PageKind kind, void *state) {
    auto image = static_cast<TierImage *>(state);
    if (kind == kCodePage || kind == kTidPage) return;
    make_room(&image->directory_pages, image->directory_pages_count, &image->directory_pages_room);
    image->directory_pages[image->directory_pages_count++] = ref;
}

TierImage *load_image(Relation index, const Meta &meta, const Tier &tier) {
    auto image = static_cast<TierImage *>(palloc0(sizeof(TierImage)));
    image->index = index;
    image->tier = tier;
    image->words = meta.words();
    image->directory = load_tier(index, tier, meta.words(), static_cast<int>(meta.bits));
    visit_tier_pages(index, tier, keep_page, image);
    const Size size = sizeof(uint64) * image->words * tier.leaves;
    image->centroids = static_cast<uint64 *>(palloc_extended(size, MCXT_ALLOC_HUGE));
    for (uint32 leaf = 0; leaf < tier.leaves; leaf++)
        load_code(image->directory->centroids, image->words, static_cast<int>(leaf),
                  image->centroids + static_cast<Size>(leaf) * image->words);
    return image;
}

bool leaf_starts_pages(const TierImage &image, uint32 leaf) {
    const TierDirectory &directory = *image.directory;
    // Leaves without rows are on no page.
    while (leaf < directory.leaves && directory.entries[leaf] == 0) leaf++;
    return leaf >= directory.leaves || (directory.first_group[leaf] % groups_per_page(directory.words) == 0 &&
                                        directory.first_tid[leaf] % kTidsPerPage == 0);
}

static PageRange pages_of(uint32 first, uint32 count, uint32 per_page) {
    if (count == 0) return {0, 0};
    return {first / per_page, (first + count - 1) / per_page + 1};
}

PageRange code_pages_of(const TierDirectory &directory, uint32 leaf) {
    return pages_of(directory.first_group[leaf], groups_of_leaf(directory, leaf),
                    groups_per_page(directory.words));
}

PageRange tid_pages_of(const TierDirectory &directory, uint32 leaf) {
    return pages_of(directory.first_tid[leaf], directory.entries[leaf], kTidsPerPage);
}

}  // namespace imagehash::index
