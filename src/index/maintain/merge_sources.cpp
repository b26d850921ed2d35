// README.md (Merge) says why the steps are in this order: what crashes in between leaves pages that nothing
// refers to, and never a row that is in no page or in two.
#include "index/maintain/merge_sources.h"

#include "index/store/growing_array.h"
#include "index/store/recycle.h"
#include "index/store/test_point.h"

extern "C" {
#include "storage/indexfsm.h"
}

namespace imagehash::index {

void add_page(PageList *list, PageRef ref) {
    make_room(&list->refs, list->count, &list->room);
    list->refs[list->count++] = ref;
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

// Adds the live rows of a page.
static void copy_rows(Relation index, PageRef ref, int words, RowStore *rows) {
    CHECK_FOR_INTERRUPTS();
    PGAlignedBlock copy;  // the store may write files, so not under a lock
    Buffer buffer = read_ref(index, ref, kPendingPage, words);
    memcpy(copy.data, BufferGetPage(buffer), BLCKSZ);
    UnlockReleaseBuffer(buffer);
    for (int i = 0; i < page_count(copy.data); i++) {
        if (!tid_is_valid(page_tid(copy.data, i))) continue;
        uint64 code[kMaxWords];
        load_code(page_codes(copy.data), words, i, code);
        add_row(rows, code, page_tid(copy.data, i));
    }
}

void collect_pending(Relation index, const Meta &meta, const MergeSources &sources, RowStore *rows,
                     PageList *retiring) {
    const int words = meta.words();
    for (uint32 p = 0; p < sources.pending_count; p++) close_page(index, meta.pending[p], words);
    TEST_POINT("merge-closed");
    for (uint32 p = 0; p < sources.pending_count; p++) {
        copy_rows(index, meta.pending[p], words, rows);
        add_page(retiring, meta.pending[p]);
    }
}

void switch_over(Relation index, const MergeSources &sources, const Tier *largest, const Tier *tier,
                 const PageList &retiring) {
    TEST_POINT("merge-written");
    MetaChange change;
    begin_meta_change(index, &change);
    Meta *meta = &change.meta;
    meta->pending_count -= sources.pending_count;
    memmove(meta->pending, meta->pending + sources.pending_count, meta->pending_count * sizeof(PageRef));
    meta->tiers_count = sources.first_tier;
    if (largest != nullptr) meta->tiers[0] = *largest;
    if (tier != nullptr) {
        // What organises the smaller tiers stays the first.
        const uint32 lowest = Min(sources.first_tier, 1);
        uint32 t = meta->tiers_count++;
        for (; t > lowest && meta->tiers[t - 1].entries < tier->entries; t--)
            meta->tiers[t] = meta->tiers[t - 1];
        meta->tiers[t] = *tier;
    }
    finish_meta_change(&change);
    TEST_POINT("merge-switched");
    const uint64 mark = retirement_mark();
    for (int64 r = 0; r < retiring.count; r++) retire_page(index, retiring.refs[r], mark);
    TEST_POINT("merge-retired");
    IndexFreeSpaceMapVacuum(index);  // else nobody would find them before the next vacuum
    TEST_POINT("merge-done");
}

}  // namespace imagehash::index
