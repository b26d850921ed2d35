// Every page is checked after it is locked, code pages when they are closed: header, trailer and kind first,
// then, where a reference led to it, that it is still the page that was meant.
#include "index/store/page.h"

#include "index/store/buffer_shortcuts.h"
#include "index/store/directory.h"
#include "index/store/meta.h"

extern "C" {
#include "access/xlog.h"
}

namespace imagehash::index {

void init_page(Page page, PageKind kind, int words, uint32 serial) {
    PageInit(page, BLCKSZ, sizeof(PageTrailer));
    PageTrailer *trailer = page_trailer(page);
    trailer->serial = serial;
    trailer->kind = kind;
    trailer->words = static_cast<uint16>(words);
    trailer->page_id = kPageId;
    set_hole(page, kCodesOffset, kPageEnd);
}

void set_hole(Page page, int lower, int upper) {
    auto header = reinterpret_cast<PageHeader>(page);
    header->pd_lower = static_cast<LocationIndex>(lower);
    header->pd_upper = static_cast<LocationIndex>(upper);
}

static int codes_end(int words, int count) {
    int blocks = (count + hamming::kBlock - 1) / hamming::kBlock;
    return kCodesOffset + blocks * hamming::kBlock * words * static_cast<int>(sizeof(uint64));
}

static int tids_start(int count) {
    return kPageEnd - count * static_cast<int>(sizeof(ItemPointerData));
}

void set_count(Page page, const Layout &layout, int count) {
    page_trailer(page)->count = static_cast<uint16>(count);
    set_hole(page, codes_end(layout.words, count), tids_start(count));
}

void set_groups(Page page, int words, int groups) {
    page_trailer(page)->count = static_cast<uint16>(groups * hamming::kBlock);
    set_hole(page, codes_end(words, groups * hamming::kBlock), kPageEnd);
}

void append_entry(Page page, const Layout &layout, const uint64 *code, const ItemPointerData *tid) {
    int i = page_count(page);
    set_count(page, layout, i + 1);
    store_code(page_codes(page), layout.words, i, code);
    *page_tid(page, i) = *tid;
}

void move_entry(Page page, const Layout &layout, int from, int to) {
    uint64 code[kMaxWords];
    load_code(page_codes(page), layout.words, from, code);
    store_code(page_codes(page), layout.words, to, code);
    *page_tid(page, to) = *page_tid(page, from);
}

void report_corruption(Relation index, BlockNumber block, const char *reason) {
    ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                    errmsg("index \"%s\" is corrupted at block %u", RelationGetRelationName(index), block),
                    errdetail_internal("%s", reason), errhint("REINDEX the index.")));
    pg_unreachable();
}

static bool has_codes(int kind) {
    return kind == kPendingPage || kind == kCodePage || kind == kCentroidPage;
}

bool has_tids(int kind) {
    return kind == kPendingPage || kind == kNullPage || kind == kTidPage;
}

// The number of things that a page of the kind has room for; -1 where there is no such kind.
static int capacity_of(int kind, int words) {
    switch (kind) {
        case kPendingPage:
        case kNullPage:
        case kTidPage:
            return Layout::of_words(words).capacity;
        case kCodePage:
            return groups_per_page(words) * hamming::kBlock;
        case kCentroidPage:
            return leaf_capacity(words);
        case kRadiusPage:
            return kRadiiPerPage;
        case kTierRootPage:
            return kRefsPerPage;
        default:
            return -1;
    }
}

// The order matters: each check makes the next one safe.
const char *find_damage(Page page, int words) {
    if (PageIsNew(page)) return nullptr;
    auto header = reinterpret_cast<PageHeader>(page);
    const PageTrailer *trailer = page_trailer(page);
    if (PageGetPageSize(page) != BLCKSZ || header->pd_special != kPageEnd || trailer->page_id != kPageId)
        return "The page is not a page of a hamming index.";
    if (header->pd_lower < SizeOfPageHeaderData || header->pd_lower > header->pd_upper ||
        header->pd_upper > header->pd_special)
        return psprintf("The page header says lower %u, upper %u, special %u.", header->pd_lower,
                        header->pd_upper, header->pd_special);
    int capacity = capacity_of(trailer->kind, trailer->words <= kMaxWords ? trailer->words : 0);
    if (capacity < 0) return psprintf("The page has the unknown kind %u.", trailer->kind);
    // A page of codes can be newer than the meta page the caller has read only while that had no length yet.
    bool newer = words == 0 && trailer->words <= kMaxWords;
    if (has_codes(trailer->kind) ? trailer->words != words && !newer : trailer->words != 0)
        return psprintf("The page holds codes of %u words, not %d.", trailer->words, words);
    if (trailer->count > capacity)
        return psprintf("The page has %u entries where %d fit.", trailer->count, capacity);
    if (has_tids(trailer->kind) && (header->pd_lower != codes_end(trailer->words, trailer->count) ||
                                    header->pd_upper != tids_start(trailer->count)))
        return psprintf("The page header does not agree with %u entries.", trailer->count);
    return nullptr;
}

static void check_page(Relation index, BlockNumber block, Buffer buffer, int words) {
    const char *damage = find_damage(BufferGetPage(buffer), words);
    if (damage != nullptr) report_corruption(index, block, damage);
}

Buffer read_page(Relation index, BlockNumber block, int words, int lock_mode, BufferAccessStrategy strategy) {
    Buffer buffer = ReadBufferExtended(index, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
    LockBuffer(buffer, lock_mode);
    check_page(index, block, buffer, words);
    return buffer;
}

static Buffer pin_ref(Relation index, PageRef ref) {
    if (ref.block == kMetaBlock || !block_exists(index, ref.block))
        report_corruption(index, ref.block, "The index refers to a block it does not have.");
    return pin_block(index, ref.block);
}

// That the page is in order, and the one that is meant.
static void check_ref(Relation index, PageRef ref, Buffer buffer, PageKind kind, int words) {
    check_page(index, ref.block, buffer, words);
    const PageTrailer *trailer = page_trailer(BufferGetPage(buffer));
    if (trailer->kind == kind && trailer->serial == ref.serial) return;
    if (RecoveryInProgress())
        ereport(ERROR,
                (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                 errmsg("canceling statement due to conflict with recovery"),
                 errdetail("Block %u of index \"%s\" was reused on the primary while the statement ran.",
                           ref.block, RelationGetRelationName(index)),
                 errhint("Repeat the statement. With hot_standby_feedback the primary waits.")));
    report_corruption(index, ref.block,
                      psprintf("The page has kind %u and serial %u, not %u and %u.", trailer->kind,
                               trailer->serial, kind, ref.serial));
}

Buffer read_ref(Relation index, PageRef ref, PageKind kind, int words) {
    Buffer buffer = pin_ref(index, ref);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    check_ref(index, ref, buffer, kind, words);
    return buffer;
}

CodePage open_code_page(Relation index, PageRef ref) {
    Buffer buffer = pin_ref(index, ref);
    const bool locked = RecoveryInProgress();
    if (locked) LockBuffer(buffer, BUFFER_LOCK_SHARE);
    return {buffer, locked, BufferGetPage(buffer)};
}

void close_code_page(Relation index, PageRef ref, int words, int codes, const CodePage &page) {
    check_ref(index, ref, page.buffer, kCodePage, words);
    if (codes > page_count(page.page))
        report_corruption(
            index, ref.block,
            psprintf("The page has %d codes, and a leaf has %d of them.", page_count(page.page), codes));
    if (page.locked) LockBuffer(page.buffer, BUFFER_LOCK_UNLOCK);
    ReleaseBuffer(page.buffer);
}

}  // namespace imagehash::index
