// A TID page is locked for sharing while it is looked at: vacuum changes it.
#include "index/scan/tids.h"

namespace imagehash::index {

namespace {

// The TID page that is locked.
struct OpenPage {
    Buffer buffer;  // invalid: none
    int tier;
    uint32 number;
    Page page;
};

}  // namespace

static void close_page(OpenPage *open) {
    if (BufferIsValid(open->buffer)) UnlockReleaseBuffer(open->buffer);
    open->buffer = InvalidBuffer;
}

static void open_page(IndexScanDesc scan, int tier, uint32 number, OpenPage *open) {
    if (BufferIsValid(open->buffer) && open->tier == tier && open->number == number) return;
    close_page(open);
    const Directory &directory = scan_state(scan)->directory;
    *open = {
        read_ref(scan->indexRelation, directory.tiers[tier].leaves->tid_pages[number], kTidPage, kAnyWords),
        tier, number, nullptr};
    open->page = BufferGetPage(open->buffer);
    pg::test_for_old_snapshot(scan->xs_snapshot, scan->indexRelation, open->page);
}

// The row's TID; null where vacuum has removed the row.
static const ItemPointerData *find_tid(IndexScanDesc scan, RowRef row, OpenPage *open) {
    const uint32 number = number_of_row(row);
    open_page(scan, tier_of_row(row), number / kTidsPerPage, open);
    const int place = static_cast<int>(number % kTidsPerPage);
    if (place >= page_count(open->page))
        report_corruption(
            scan->indexRelation, BufferGetBlockNumber(open->buffer),
            psprintf("The page has %d TIDs, and a leaf has number %d.", page_count(open->page), place));
    const ItemPointerData *tid = page_tid(open->page, place);
    return tid_is_removed(tid) ? nullptr : tid;
}

int fetch_tids(IndexScanDesc scan, RowRef *rows, bool *visible, uint64 *codes, int count) {
    const ScanState *state = scan_state(scan);
    const int words = state->layout.words;
    OpenPage open = {InvalidBuffer, 0, 0, nullptr};
    int kept = 0;
    for (int i = 0; i < count; i++) {
        RowRef row = rows[i];
        bool all_visible = visible[i];
        if (is_of_tier(row)) {
            const ItemPointerData *tid = find_tid(scan, row, &open);
            if (tid == nullptr || !passes_methods(state->spec, tid_method_unknown(tid))) continue;
            const ItemPointerData heap = row_tid(tid);
            all_visible = is_all_visible(scan, open.page, &heap);
            row = row_with_tid(tid);
        }
        rows[kept] = row;
        visible[kept] = all_visible;
        if (codes != nullptr && kept < i)
            memcpy(codes + kept * words, codes + i * words, words * sizeof(uint64));
        kept++;
    }
    close_page(&open);
    return kept;
}

}  // namespace imagehash::index
