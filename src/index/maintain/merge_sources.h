// What merges of either kind do with their sources: pending pages are closed and copied, and in the end
// everything changes on the meta page at once.
#pragma once

#include "index/store/meta.h"
#include "index/build/row_store.h"

namespace imagehash::index {

// What a merge takes: the oldest pending pages, the tiers from `first_tier` on, which are the smallest, and
// of the largest tier about so many pages of codes.
struct MergeSources {
    uint32 pending_count;
    uint32 first_tier;
    int64 part_pages;  // 0 but in a merge of parts
};

struct PageList {
    PageRef *refs;
    int64 count;
    int64 room;
};
void add_page(PageList *list, PageRef ref);

// Adds the rows of the pending pages, to which nobody adds from then on, and the pages to `retiring`.
void collect_pending(Relation index, const Meta &meta, const MergeSources &sources, RowStore *rows,
                     PageList *retiring);

// In one WAL record the sources leave the index, `tier` enters it, and `largest` replaces the largest tier;
// either may be null. Then the pages that have left are retired.
void switch_over(Relation index, const MergeSources &sources, const Tier *largest, const Tier *tier,
                 const PageList &retiring);

}  // namespace imagehash::index
