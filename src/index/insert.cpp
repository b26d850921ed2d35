// INSERT: puts one row into a page with room.
//
// A backend stays with the page it used last while that has room (the relation's target block); then it takes
// a page vacuum found room on, then the last page, then a new one.
//
// Locks: one page at a time, except that a new null page is entered in the meta page while it is locked. So
// the order is data page, then meta page; nobody waits for a data page with the meta page locked.
#include "index/access_method.h"
#include "index/entry.h"

extern "C" {
#include "storage/indexfsm.h"
}

namespace imagehash::index {

// Meta page contents as this backend last saw them, kept with the relation. Length and method never change
// once set.
static Meta *cached_meta(Relation index) {
    if (index->rd_amcache == nullptr) {
        Meta meta = read_meta(index);  // may fail: allocate after it
        index->rd_amcache = MemoryContextAlloc(index->rd_indexcxt, sizeof(Meta));
        *static_cast<Meta *>(index->rd_amcache) = meta;
    }
    return static_cast<Meta *>(index->rd_amcache);
}

// Checks the entry against the meta page, and notes there what the entry is the first of.
static Meta admit_to_index(Relation index, const Entry &entry) {
    Meta *cached = cached_meta(index);
    if (entry_fits(*cached, entry)) return *cached;

    *cached = read_meta(index);  // reports damage before we write
    Buffer buffer = ReadBuffer(index, kMetaBlock);
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    Meta meta = *page_meta(BufferGetPage(buffer));
    Meta wanted = meta;
    admit_entry(index, &wanted, entry);
    if (memcmp(&meta, &wanted, sizeof meta) != 0) {
        GenericXLogState *xlog = GenericXLogStart(index);
        *page_meta(GenericXLogRegisterBuffer(xlog, buffer, 0)) = wanted;
        GenericXLogFinish(xlog);
    }
    UnlockReleaseBuffer(buffer);
    *cached = wanted;
    return wanted;
}

// Reads a block and locks it if the entry can go there; an empty page can become a page of any kind. Else
// says whether entries of the other kind could.
static Buffer lock_if_usable(Relation index, BlockNumber block, PageKind kind, int words, bool *has_room) {
    *has_room = false;
    if (block == InvalidBlockNumber || block < kFirstDataBlock || block >= RelationGetNumberOfBlocks(index))
        return InvalidBuffer;
    Buffer buffer = read_page(index, block, words, BUFFER_LOCK_EXCLUSIVE);
    Page page = BufferGetPage(buffer);
    if (page_count(page) == 0) return buffer;
    const PageTrailer *trailer = page_trailer(page);
    *has_room = trailer->count < Layout::of_words(trailer->words).capacity;
    if (*has_room && trailer->kind == kind) return buffer;
    UnlockReleaseBuffer(buffer);
    return InvalidBuffer;
}

// A page that vacuum found room on. The map does not tell pages of codes from null pages; those of the wrong
// kind go back into it.
static Buffer free_page(Relation index, PageKind kind, int words) {
    const int tries = 16;
    BlockNumber unsuitable[tries];
    int count = 0;
    Buffer buffer = InvalidBuffer;
    while (count < tries && !BufferIsValid(buffer)) {
        BlockNumber block = GetFreeIndexPage(index);
        if (block == InvalidBlockNumber) break;
        bool has_room;
        buffer = lock_if_usable(index, block, kind, words, &has_room);
        if (!BufferIsValid(buffer) && has_room) unsuitable[count++] = block;
    }
    for (int i = 0; i < count; i++) RecordFreeIndexPage(index, unsuitable[i]);
    return buffer;
}

// A locked page with room. Nothing on it has changed yet.
static Buffer find_page(Relation index, const Meta &meta, PageKind kind) {
    int words = meta.words();
    bool has_room;
    BlockNumber last_used = kind == kCodePage ? RelationGetTargetBlock(index) : meta.null_block;
    Buffer buffer = lock_if_usable(index, last_used, kind, words, &has_room);
    if (!BufferIsValid(buffer)) buffer = free_page(index, kind, words);
    if (!BufferIsValid(buffer))
        buffer = lock_if_usable(index, RelationGetNumberOfBlocks(index) - 1, kind, words, &has_room);
    if (!BufferIsValid(buffer)) buffer = pg::extend_relation(index);
    return buffer;
}

static void store(Relation index, Buffer buffer, PageKind kind, int words, const Entry &entry,
                  ItemPointer tid, bool note_null_block) {
    bool fresh = page_count(BufferGetPage(buffer)) == 0;
    Buffer meta_buffer = InvalidBuffer;
    if (note_null_block) {
        meta_buffer = ReadBuffer(index, kMetaBlock);
        LockBuffer(meta_buffer, BUFFER_LOCK_EXCLUSIVE);
    }

    GenericXLogState *xlog = GenericXLogStart(index);
    Page page = GenericXLogRegisterBuffer(xlog, buffer, fresh ? GENERIC_XLOG_FULL_IMAGE : 0);
    if (fresh) init_data_page(page, kind, words);
    append_entry(page, Layout::of_words(words), entry.code, tid);
    if (note_null_block)
        page_meta(GenericXLogRegisterBuffer(xlog, meta_buffer, 0))->null_block = BufferGetBlockNumber(buffer);
    GenericXLogFinish(xlog);
    if (BufferIsValid(meta_buffer)) UnlockReleaseBuffer(meta_buffer);
}

bool hamming_insert(Relation index, Datum *values, bool *is_null, ItemPointer tid, Relation /* heap */,
                    IndexUniqueCheck /* check_unique */, bool /* index_unchanged */, IndexInfo * /* info */) {
    Entry entry;
    make_entry(values[0], is_null[0], &entry);
    Meta meta = admit_to_index(index, entry);

    PageKind kind = entry.is_null ? kNullPage : kCodePage;
    if (entry.is_null) meta.null_block = read_meta(index).null_block;
    Buffer buffer = find_page(index, meta, kind);
    BlockNumber block = BufferGetBlockNumber(buffer);
    store(index, buffer, kind, entry.is_null ? 0 : meta.words(), entry, tid,
          entry.is_null && block != meta.null_block);
    UnlockReleaseBuffer(buffer);
    if (!entry.is_null) RelationSetTargetBlock(index, block);
    return false;
}

}  // namespace imagehash::index
