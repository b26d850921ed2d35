// A scan asks of each row that it returns, not of the many more that it finds. It no longer knows then where
// the entry was; that is looked for once there is something to report.
#include "index/scan/stray_rows.h"

extern "C" {
#include "access/htup_details.h"
}

namespace imagehash::index {

// The entry of the page that has the TID, or -1.
static int find_entry(Page page, const ItemPointerData *stored) {
    if (PageIsNew(page) || !has_tids(page_trailer(page)->kind)) return -1;
    for (int i = 0; i < page_count(page); i++)
        if (memcmp(page_tid(page, i), stored, sizeof *stored) == 0) return i;
    return -1;
}

// Looks through the index for the entry, and reports the first that is alike.
[[noreturn]] static void report_stray(IndexScanDesc scan, const ItemPointerData *stored, const char *where) {
    Relation index = scan->indexRelation;
    const ItemPointerData row = row_tid(stored);
    const char *points = psprintf("points to (%u,%u), %s.", ItemPointerGetBlockNumberNoCheck(&row),
                                  ItemPointerGetOffsetNumberNoCheck(&row), where);
    const int words = scan_state(scan)->layout.words;
    const BlockNumber blocks = RelationGetNumberOfBlocks(index);
    for (BlockNumber block = kFirstBlock; block < blocks; block++) {
        CHECK_FOR_INTERRUPTS();
        Buffer buffer = read_page(index, block, words, BUFFER_LOCK_SHARE);
        int entry = find_entry(BufferGetPage(buffer), stored);
        if (entry >= 0) report_corruption(index, block, psprintf("Entry %d %s", entry, points));
        UnlockReleaseBuffer(buffer);
    }
    // Its page was put to another use since the scan began.
    ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                    errmsg("index \"%s\" is corrupted", RelationGetRelationName(index)),
                    errdetail_internal("An entry %s", points), errhint("REINDEX the index.")));
    pg_unreachable();
}

void check_row(IndexScanDesc scan, const ItemPointerData *stored) {
    ScanState *state = scan_state(scan);
    // What TIDs another access method gives is for it to judge.
    if (!state->is_heap) return;
    const ItemPointerData row = row_tid(stored);
    const BlockNumber heap_block = ItemPointerGetBlockNumberNoCheck(&row);
    const OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(&row);
    if (offset < FirstOffsetNumber || offset > MaxHeapTuplesPerPage || heap_block == InvalidBlockNumber)
        report_stray(scan, stored, "which no table has");
    // Tables grow: asked again only when an entry points past what was known.
    if (!scan->heapRelation || heap_block < state->heap_blocks) return;
    state->heap_blocks = RelationGetNumberOfBlocks(scan->heapRelation);
    if (heap_block >= state->heap_blocks)
        report_stray(scan, stored, psprintf("and the table has %u blocks", state->heap_blocks));
}

}  // namespace imagehash::index
