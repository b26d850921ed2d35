// VACUUM: takes out the entries of dead rows, retires pages that nothing refers to, notes pages that can be
// reused.
//
// Pending and null pages are compacted in place, under their exclusive lock; on a tier's TID pages, where the
// directory knows the places, a dead entry's TID is made invalid. A tier's other pages have nothing to be
// changed and are not read. Pages that the sweep has passed may get new
// entries, but none of the rows it is removing: those were in the index before it began. A merge would carry
// a dead TID past the sweep, so the structure is locked.
#include "index/maintain/vacuum.h"

#include "index/maintain/merge.h"
#include "index/store/directory.h"
#include "index/store/recycle.h"
#include "index/store/test_point.h"

extern "C" {
#include "storage/indexfsm.h"
}

namespace imagehash::index {

namespace {

struct Sweep {
    Relation index;
    Meta meta;
    BlockNumber blocks;
    uint32 *serials;  // of the page that belongs at each block, 0 where none does
    uint8 *kinds;     // of that page
    uint8 *tiers;     // that it belongs to
    // Of pages that had left the index when the sweep began: only the lock's holder takes any out.
    uint64 mark;
    int tier;  // while the references of one are read
    IndexBulkDeleteCallback is_dead;
    void *is_dead_state;
    IndexBulkDeleteResult *result;
    int64 alive[kMaxTiers];  // entries left in each tier
};

}  // namespace

static void expect_page(PageRef ref, PageKind kind, void *state) {
    auto sweep = static_cast<Sweep *>(state);
    if (ref.block >= sweep->blocks) return;  // reported by who reads it
    sweep->serials[ref.block] = ref.serial;
    sweep->kinds[ref.block] = static_cast<uint8>(kind);
    sweep->tiers[ref.block] = static_cast<uint8>(sweep->tier);
}

// What is part of the index, as the meta page says.
static void expect_pages(Sweep *sweep) {
    read_meta(sweep->index, &sweep->meta);
    // After the meta page: the pages it refers to are among these.
    sweep->blocks = RelationGetNumberOfBlocks(sweep->index);
    sweep->serials = static_cast<uint32 *>(
        palloc_extended(sizeof(uint32) * sweep->blocks, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    sweep->kinds = static_cast<uint8 *>(palloc_extended(sweep->blocks, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    sweep->tiers = static_cast<uint8 *>(palloc_extended(sweep->blocks, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    for (uint32 p = 0; p < sweep->meta.pending_count; p++)
        expect_page(sweep->meta.pending[p], kPendingPage, sweep);
    for (uint32 t = 0; t < sweep->meta.tiers_count; t++) {
        sweep->tier = static_cast<int>(t);
        visit_tier_pages(sweep->index, sweep->meta.tiers[t], expect_page, sweep);
    }
}

static bool is_dead(const Sweep *sweep, const ItemPointerData *tid) {
    if (sweep->is_dead == nullptr) return false;
    ItemPointerData row = row_tid(tid);
    return sweep->is_dead(&row, sweep->is_dead_state);
}

// Removes dead entries from a page on which entries may move.
static void compact_page(Sweep *sweep, Buffer buffer) {
    Page page = BufferGetPage(buffer);
    Layout layout = Layout::of_words(page_trailer(page)->words);
    int count = page_count(page), kept = 0;
    GenericXLogState *xlog = nullptr;
    for (int i = 0; i < count; i++) {
        if (is_dead(sweep, page_tid(page, i))) {
            if (xlog == nullptr) {
                xlog = GenericXLogStart(sweep->index);
                page = GenericXLogRegisterBuffer(xlog, buffer, 0);
            }
        } else {
            if (xlog != nullptr) move_entry(page, layout, i, kept);
            kept++;
        }
    }
    if (xlog != nullptr) {
        set_count(page, layout, kept);
        GenericXLogFinish(xlog);
    }
    sweep->result->tuples_removed += count - kept;
    sweep->result->num_index_tuples += kept;
}

// Makes the TIDs of dead entries invalid on a page on which entries have their places.
static void invalidate_dead(Sweep *sweep, Buffer buffer, int tier) {
    Page page = BufferGetPage(buffer);
    int count = page_count(page), alive = 0, removed = 0;
    GenericXLogState *xlog = nullptr;
    for (int i = 0; i < count; i++) {
        if (!tid_is_valid(page_tid(page, i))) continue;
        if (is_dead(sweep, page_tid(page, i))) {
            if (xlog == nullptr) {
                xlog = GenericXLogStart(sweep->index);
                page = GenericXLogRegisterBuffer(xlog, buffer, 0);
            }
            ItemPointerSetInvalid(page_tid(page, i));
            removed++;
        } else {
            alive++;
        }
    }
    if (xlog != nullptr) GenericXLogFinish(xlog);
    sweep->result->tuples_removed += removed;
    sweep->result->num_index_tuples += alive;
    sweep->alive[tier] += alive;
}

static void note_free(Sweep *sweep, BlockNumber block) {
    RecordFreeIndexPage(sweep->index, block);
    sweep->result->pages_free++;
}

static void sweep_null_page(Sweep *sweep, Buffer buffer) {
    compact_page(sweep, buffer);
    bool has_room = page_count(BufferGetPage(buffer)) < Layout::of_words(0).capacity;
    BlockNumber block = BufferGetBlockNumber(buffer);
    UnlockReleaseBuffer(buffer);
    note_null_page(sweep->index, block, has_room);
}

// Whether the index has a page there whose contents are for good: nobody takes it out meanwhile.
static bool has_nothing_to_remove(const Sweep *sweep, BlockNumber block) {
    return sweep->serials[block] != 0 && sweep->kinds[block] != kPendingPage &&
           sweep->kinds[block] != kTidPage;
}

static void sweep_block(Sweep *sweep, BlockNumber block, BufferAccessStrategy strategy) {
    Buffer buffer = read_page(sweep->index, block, sweep->meta.words(), BUFFER_LOCK_EXCLUSIVE, strategy);
    Page page = BufferGetPage(buffer);
    const PageTrailer *trailer = page_trailer(page);
    const uint32 serial = trailer->serial;
    if (PageIsNew(page) || trailer->retired != 0) {
        if (trailer->retired > sweep->mark) mark_retired(sweep->index, buffer, sweep->mark);
        bool recyclable = is_recyclable(page);
        UnlockReleaseBuffer(buffer);
        sweep->result->pages_deleted++;
        if (recyclable) note_free(sweep, block);
        return;
    }
    if (trailer->kind == kNullPage) return sweep_null_page(sweep, buffer);
    // Serials beyond the meta page that was read are of pages that came later.
    bool expected = serial == sweep->serials[block];
    bool orphan = !expected && static_cast<int32>(serial - sweep->meta.next_serial) < 0;
    if (expected && trailer->kind == kPendingPage) compact_page(sweep, buffer);
    if (expected && trailer->kind == kTidPage) invalidate_dead(sweep, buffer, sweep->tiers[block]);
    UnlockReleaseBuffer(buffer);
    // Left behind by a merge that did not come to its end. Retired before the table's pages are cleaned: only
    // on retired pages do index-only scans not believe the visibility map.
    if (orphan) {
        retire_page(sweep->index, {block, serial}, sweep->mark);
        sweep->result->pages_newly_deleted++;
        TEST_POINT("sweep-orphan");
    }
}

// Enters on the meta page how many entries of each tier are dead now.
static void note_dead(const Sweep *sweep) {
    int64 dead[kMaxTiers];
    bool changed = false;
    for (uint32 t = 0; t < sweep->meta.tiers_count; t++) {
        dead[t] = Max(sweep->meta.tiers[t].entries - sweep->alive[t], INT64CONST(0));
        changed = changed || dead[t] != sweep->meta.tiers[t].dead;
    }
    if (!changed) return;
    MetaChange change;  // the tiers are the same: the structure is locked
    begin_meta_change(sweep->index, &change);
    for (uint32 t = 0; t < change.meta.tiers_count; t++) change.meta.tiers[t].dead = dead[t];
    finish_meta_change(&change);
}

// One pass over all pages, under the structure lock; with a callback it removes what is dead.
static void sweep_index(IndexVacuumInfo *info, IndexBulkDeleteResult *result,
                        IndexBulkDeleteCallback is_dead_row, void *is_dead_state) {
    auto sweep = static_cast<Sweep *>(palloc0(sizeof(Sweep)));
    sweep->index = info->index;
    sweep->is_dead = is_dead_row;
    sweep->is_dead_state = is_dead_state;
    sweep->result = result;
    result->num_index_tuples = 0;
    result->pages_free = result->pages_deleted = 0;
    sweep->mark = retirement_mark();
    expect_pages(sweep);
    TEST_POINT("sweep-begun");
    for (BlockNumber block = kFirstBlock; block < sweep->blocks; block++) {
        pg::vacuum_delay();
        if (!has_nothing_to_remove(sweep, block)) sweep_block(sweep, block, info->strategy);
        TEST_POINT("sweep-page");
    }
    TEST_POINT("sweep-ended");
    note_dead(sweep);
    TEST_POINT("sweep-noted");
    result->num_pages = sweep->blocks;
    result->estimated_count = false;
    pfree(sweep->tiers);
    pfree(sweep->kinds);
    pfree(sweep->serials);
    pfree(sweep);
}

static IndexBulkDeleteResult *new_result() {
    return static_cast<IndexBulkDeleteResult *>(palloc0(sizeof(IndexBulkDeleteResult)));
}

IndexBulkDeleteResult *hamming_bulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *result,
                                          IndexBulkDeleteCallback is_dead_row, void *is_dead_state) {
    if (result == nullptr) result = new_result();
    lock_structure(info->index);
    sweep_index(info, result, is_dead_row, is_dead_state);
    unlock_structure(info->index);
    return result;
}

static bool lock_and_merge(Relation index, MergeWhen when) {
    lock_structure(index);
    bool part = merge_if_due(index, when);
    unlock_structure(index);
    return part;
}

// Merges what is due. After the first part of the largest tier, the others are rewritten while free pages
// take them, or nearly so; the rest waits for the next vacuum. Inserters can merge in between.
static void merge_after_sweep(Relation index) {
    IndexFreeSpaceMapVacuum(index);  // so that what the sweep noted is found
    bool part = lock_and_merge(index, MergeWhen::tidy);
    const BlockNumber blocks = RelationGetNumberOfBlocks(index);
    for (int done = 1; part && done < kPartsOfTier; done++) {
        if (RelationGetNumberOfBlocks(index) - blocks > blocks / 16) break;
        TEST_POINT("vacuum-part-merged");
        part = lock_and_merge(index, MergeWhen::go_on);
    }
}

IndexBulkDeleteResult *hamming_vacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *result) {
    if (info->analyze_only) return result;
    if (result == nullptr) {
        result = new_result();
        lock_structure(info->index);
        sweep_index(info, result, nullptr, nullptr);
        unlock_structure(info->index);
    }
    merge_after_sweep(info->index);
    return result;
}

}  // namespace imagehash::index
