// Page layout and checked access; see page.h.
#include "index/page.h"

namespace imagehash::index {

static void init_page(Page page, PageKind kind, int words) {
    PageInit(page, BLCKSZ, sizeof(PageTrailer));
    PageTrailer *trailer = page_trailer(page);
    trailer->kind = kind;
    trailer->words = static_cast<uint16>(words);
    trailer->count = 0;
    trailer->page_id = kPageId;
}

// What lies between pd_lower and pd_upper is not logged and comes back as zeros.
static void set_used_end(Page page, int offset) {
    reinterpret_cast<PageHeader>(page)->pd_lower = static_cast<LocationIndex>(offset);
}

void init_meta_page(Page page, const Meta &meta) {
    init_page(page, kMetaPage, 0);
    *page_meta(page) = meta;
    set_used_end(page, static_cast<int>(reinterpret_cast<char *>(page_meta(page) + 1) - page));
}

void init_data_page(Page page, PageKind kind, int words) {
    init_page(page, kind, words);
    set_count(page, Layout::of_words(words), 0);
}

void set_count(Page page, const Layout &layout, int count) {
    page_trailer(page)->count = static_cast<uint16>(count);
    set_used_end(page, layout.tids_offset + count * static_cast<int>(sizeof(ItemPointerData)));
}

void append_entry(Page page, const Layout &layout, const uint64 *code, const ItemPointerData *tid) {
    int i = page_count(page);
    uint64 *target = page_codes(page) + code_offset(i, layout.words);
    for (int w = 0; w < layout.words; w++) target[w * hamming::kBlock] = code[w];
    set_count(page, layout, i + 1);
    page_tids(page, layout)[i] = *tid;
}

void move_entry(Page page, const Layout &layout, int from, int to) {
    uint64 *codes = page_codes(page);
    for (int w = 0; w < layout.words; w++)
        codes[code_offset(to, layout.words) + w * hamming::kBlock] =
            codes[code_offset(from, layout.words) + w * hamming::kBlock];
    page_tids(page, layout)[to] = page_tids(page, layout)[from];
}

void report_corruption(Relation index, BlockNumber block, const char *reason) {
    ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                    errmsg("index \"%s\" is corrupted at block %u", RelationGetRelationName(index), block),
                    errdetail_internal("%s", reason), errhint("REINDEX the index.")));
    pg_unreachable();
}

// Checks what every kind of page has in common; the order matters, each check makes the next one safe.
static void check_frame(Relation index, BlockNumber block, Page page) {
    auto header = reinterpret_cast<PageHeader>(page);
    if (PageGetPageSize(page) != BLCKSZ || header->pd_special != BLCKSZ - MAXALIGN(sizeof(PageTrailer)) ||
        page_trailer(page)->page_id != kPageId)
        report_corruption(index, block, "The page is not a page of a hamming index.");
    if (header->pd_lower > header->pd_upper || header->pd_upper != header->pd_special)
        report_corruption(index, block,
                          psprintf("The page header says lower %u, upper %u, special %u.", header->pd_lower,
                                   header->pd_upper, header->pd_special));
}

static void check_data_page(Relation index, BlockNumber block, Page page, int words) {
    check_frame(index, block, page);
    const PageTrailer *trailer = page_trailer(page);
    if (trailer->kind != kCodePage && trailer->kind != kNullPage)
        report_corruption(index, block,
                          psprintf("The page has kind %u, not that of a data page.", trailer->kind));
    int expected = trailer->kind == kCodePage ? words : 0;
    // A page of codes can be newer than the meta page the caller has read only while that had no length yet.
    if (trailer->words != expected &&
        !(trailer->kind == kCodePage && words == 0 && trailer->words <= kMaxWords))
        report_corruption(index, block,
                          psprintf("The page holds codes of %u words, not %d.", trailer->words, expected));
    Layout layout = Layout::of_words(trailer->words);
    if (trailer->count > layout.capacity)
        report_corruption(index, block,
                          psprintf("The page has %u entries where %d fit.", trailer->count, layout.capacity));
    if (reinterpret_cast<PageHeader>(page)->pd_lower !=
        layout.tids_offset + trailer->count * sizeof(ItemPointerData))
        report_corruption(index, block,
                          psprintf("The page header does not agree with %u entries.", trailer->count));
}

Buffer read_page(Relation index, BlockNumber block, int words, int lock_mode, BufferAccessStrategy strategy) {
    Buffer buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
    LockBuffer(buffer, lock_mode);
    Page page = BufferGetPage(buffer);
    if (!PageIsNew(page)) check_data_page(index, block, page, words);
    return buffer;
}

Meta read_meta(Relation index) {
    if (RelationGetNumberOfBlocks(index) == 0)
        report_corruption(index, kMetaBlock, "The index has no pages.");
    Buffer buffer = ReadBuffer(index, kMetaBlock);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    Page page = BufferGetPage(buffer);
    if (PageIsNew(page)) report_corruption(index, kMetaBlock, "The meta page is empty.");
    check_frame(index, kMetaBlock, page);
    Meta meta = *page_meta(page);
    if (page_trailer(page)->kind != kMetaPage || meta.magic != kMagic)
        report_corruption(index, kMetaBlock, "The page is not a meta page.");
    UnlockReleaseBuffer(buffer);

    if (meta.version != kVersion)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("index \"%s\" has version %u of the hamming format",
                               RelationGetRelationName(index), meta.version),
                        errdetail("The installed imagehash reads version %u.", kVersion),
                        errhint("Install the imagehash that made the index, or REINDEX it.")));
    if (meta.bits > pg::kMaxBits || meta.bits % 8 != 0)
        report_corruption(index, kMetaBlock, psprintf("The meta page says hashes have %u bits.", meta.bits));
    return meta;
}

}  // namespace imagehash::index
