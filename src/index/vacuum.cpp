// VACUUM: takes out the entries of dead rows, and notes where there is room.
//
// A page is compacted in place under its exclusive lock: entries never move to another page, so a scan that
// has read a page has seen all of it, and one that has not will. Pages that vacuum has passed may get new
// entries, but none of the rows it is removing: those were in the index before it began.
#include "index/access_method.h"
#include "index/page.h"

extern "C" {
#include "storage/indexfsm.h"
}

namespace imagehash::index {

static IndexBulkDeleteResult *new_result() {
    return static_cast<IndexBulkDeleteResult *>(palloc0(sizeof(IndexBulkDeleteResult)));
}

// Removes the entries that `is_dead` names; returns how many.
static int compact_page(Relation index, Buffer buffer, IndexBulkDeleteCallback is_dead, void *is_dead_state) {
    Layout layout = Layout::of_words(page_trailer(BufferGetPage(buffer))->words);
    int count = page_count(BufferGetPage(buffer));
    ItemPointer tids = page_tids(BufferGetPage(buffer), layout);
    GenericXLogState *xlog = nullptr;
    Page page = nullptr;
    int kept = 0;
    for (int i = 0; i < count; i++) {
        if (is_dead(&tids[i], is_dead_state)) {
            if (xlog == nullptr) {
                xlog = GenericXLogStart(index);
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
    return count - kept;
}

// One pass over all pages; with a callback it removes what is dead. Counts what is there, and fills the free
// space map.
static void sweep(IndexVacuumInfo *info, IndexBulkDeleteResult *result, IndexBulkDeleteCallback is_dead,
                  void *is_dead_state) {
    Relation index = info->index;
    int words = read_meta(index).words();
    BlockNumber blocks = RelationGetNumberOfBlocks(index);
    result->num_index_tuples = 0;
    result->pages_free = 0;
    for (BlockNumber block = kFirstDataBlock; block < blocks; block++) {
        pg::vacuum_delay();
        Buffer buffer = read_page(index, block, words, is_dead ? BUFFER_LOCK_EXCLUSIVE : BUFFER_LOCK_SHARE,
                                  info->strategy);
        if (is_dead) result->tuples_removed += compact_page(index, buffer, is_dead, is_dead_state);
        Page page = BufferGetPage(buffer);
        int count = page_count(page);
        bool has_room = count < Layout::of_words(page_trailer(page)->words).capacity;
        result->num_index_tuples += count;
        if (count == 0) result->pages_free++;
        UnlockReleaseBuffer(buffer);
        if (has_room) RecordFreeIndexPage(index, block);
    }
    result->num_pages = blocks;
    result->estimated_count = false;
}

IndexBulkDeleteResult *hamming_bulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *result,
                                          IndexBulkDeleteCallback is_dead, void *is_dead_state) {
    if (result == nullptr) result = new_result();
    sweep(info, result, is_dead, is_dead_state);
    return result;
}

IndexBulkDeleteResult *hamming_vacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *result) {
    if (info->analyze_only) return result;
    if (result == nullptr) {
        result = new_result();
        sweep(info, result, nullptr, nullptr);
    }
    IndexFreeSpaceMapVacuum(info->index);
    return result;
}

}  // namespace imagehash::index
