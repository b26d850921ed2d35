// The page is copied out whole under a share lock and copied in whole under an exclusive one; only what is
// used of the list of pending pages is copied and logged.
#include "index/store/meta.h"

#include "index/store/input_type.h"
#include "index/store/test_point.h"

namespace imagehash::index {

static Meta *page_meta(Page page) {
    return reinterpret_cast<Meta *>(PageGetContents(page));
}

static Size used_size(const Meta &meta) {
    return offsetof(Meta, pending) + meta.pending_count * sizeof(PageRef);
}

void make_meta(uint32 bits, Meta *meta) {
    memset(meta, 0, sizeof *meta);
    meta->magic = kMagic;
    meta->version = kVersion;
    meta->bits = bits;
    meta->method = pg::kMethodUnknown;
    meta->null_block = InvalidBlockNumber;
    meta->next_serial = 1;
}

static void set_meta(Page page, const Meta &meta) {
    memcpy(page_meta(page), &meta, used_size(meta));
    set_hole(page, static_cast<int>(reinterpret_cast<char *>(page_meta(page)) - page + used_size(meta)),
             kPageEnd);
}

void init_meta_page(Page page, const Meta &meta) {
    static_assert(MAXALIGN(SizeOfPageHeaderData) + sizeof(Meta) <= kPageEnd, "the meta page is too small");
    init_page(page, kMetaPage, 0, 0);
    set_meta(page, meta);
}

static void check_version(Relation index, uint32 version) {
    if (version == kVersion) return;
    ereport(
        ERROR,
        (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
         errmsg("index \"%s\" has version %u of the hamming format", RelationGetRelationName(index), version),
         errdetail("The installed imagehash reads version %u.", kVersion),
         version < kVersion ? errhint("REINDEX the index.")
                            : errhint("Install the imagehash that made the index, or REINDEX it.")));
}

static void check_tier(Relation index, const Tier &tier) {
    if (tier.root.block == kMetaBlock || tier.root.block == InvalidBlockNumber || tier.leaves == 0 ||
        tier.entries < 0 || tier.dead < 0 || tier.code_pages > tier.pages || tier.tid_pages > tier.pages)
        report_corruption(
            index, kMetaBlock,
            psprintf("The meta page describes a tier of %u leaves at block %u, with " INT64_FORMAT
                     " entries.",
                     tier.leaves, tier.root.block, tier.entries));
}

// The page is locked. Magic and version lie where every version has them.
static void check_meta_page(Relation index, Page page) {
    if (PageIsNew(page)) report_corruption(index, kMetaBlock, "The meta page is empty.");
    const Meta *meta = page_meta(page);
    if (PageGetPageSize(page) != BLCKSZ || page_trailer(page)->page_id != kPageId || meta->magic != kMagic)
        report_corruption(index, kMetaBlock, "The page is not a meta page.");
    check_version(index, meta->version);
    auto header = reinterpret_cast<PageHeader>(page);
    if (page_trailer(page)->kind != kMetaPage || header->pd_special != kPageEnd)
        report_corruption(index, kMetaBlock, "The page is not a meta page.");
    if (meta->bits != 0 && !is_length(input_type(index), meta->bits))
        report_corruption(index, kMetaBlock, psprintf("The meta page says hashes have %u bits.", meta->bits));
    if (meta->tiers_count > kMaxTiers || meta->pending_count > kMaxPending)
        report_corruption(index, kMetaBlock,
                          psprintf("The meta page says there are %u tiers and %u pending pages.",
                                   meta->tiers_count, meta->pending_count));
    for (uint32 i = 0; i < meta->tiers_count; i++) check_tier(index, meta->tiers[i]);
}

static Buffer lock_meta(Relation index, int mode) {
    if (RelationGetNumberOfBlocks(index) == 0)
        report_corruption(index, kMetaBlock, "The index has no pages.");
    Buffer buffer = ReadBuffer(index, kMetaBlock);
    LockBuffer(buffer, mode);
    check_meta_page(index, BufferGetPage(buffer));
    return buffer;
}

void read_meta(Relation index, Meta *meta, Snapshot snapshot) {
    Buffer buffer = lock_meta(index, BUFFER_LOCK_SHARE);
    pg::test_for_old_snapshot(snapshot, index, BufferGetPage(buffer));
    const Meta *stored = page_meta(BufferGetPage(buffer));
    memcpy(meta, stored, used_size(*stored));
    UnlockReleaseBuffer(buffer);
}

void begin_meta_change(Relation index, MetaChange *change) {
    change->index = index;
    change->buffer = lock_meta(index, BUFFER_LOCK_EXCLUSIVE);
    const Meta *stored = page_meta(BufferGetPage(change->buffer));
    memset(&change->meta, 0, sizeof change->meta);
    memcpy(&change->meta, stored, used_size(*stored));
}

void finish_meta_change(MetaChange *change, const PageChange *with) {
    GenericXLogState *xlog = GenericXLogStart(change->index);
    set_meta(GenericXLogRegisterBuffer(xlog, change->buffer, 0), change->meta);
    if (with != nullptr)
        memcpy(GenericXLogRegisterBuffer(xlog, with->buffer, GENERIC_XLOG_FULL_IMAGE), with->image, BLCKSZ);
    GenericXLogFinish(xlog);
    UnlockReleaseBuffer(change->buffer);
}

void abandon_meta_change(MetaChange *change) {
    UnlockReleaseBuffer(change->buffer);
}

uint32 take_serials(Relation index, uint32 count) {
    MetaChange change;
    begin_meta_change(index, &change);
    uint32 first = change.meta.next_serial;
    for (uint32 i = 0; i < count; i++) next_serial(&change.meta.next_serial);
    finish_meta_change(&change);
    TEST_POINT("serials-taken");
    return first;
}

void lock_structure(Relation index) {
    LockPage(index, kMetaBlock, ExclusiveLock);
}
bool try_lock_structure(Relation index) {
    return ConditionalLockPage(index, kMetaBlock, ExclusiveLock);
}
void unlock_structure(Relation index) {
    UnlockPage(index, kMetaBlock, ExclusiveLock);
}

}  // namespace imagehash::index
