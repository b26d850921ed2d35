// INSERT: puts one row into a page with room.
//
// Hashes go to pending pages; a backend stays with its page while it gets the lock at once, and else tries
// another or adds one, so that inserters spread. NULLs go to null pages.
//
// Locks: one page at a time, except that a new pending page and a new null page are entered in the meta page
// while they are locked. So the order is data page, then meta page; nobody waits for a data page with the
// meta page locked.
#include "index/maintain/insert.h"

#include "index/maintain/merge.h"
#include "index/store/entry.h"
#include "index/store/options.h"
#include "index/store/recycle.h"
#include "index/store/test_point.h"

namespace imagehash::index {

constexpr uint32 kOpenPages = 8;

namespace {

// What this backend knows of the index, kept with the relation. Length and method never change once set; the
// page may be full, closed or gone by the time it is looked at.
struct Cache {
    uint32 bits;
    uint32 method;
    PageRef page;
};

}  // namespace

static void remember_format(Cache *cache, const Meta &meta) {
    cache->bits = meta.bits;
    cache->method = meta.method;
}

static Cache *cache_of(Relation index) {
    if (index->rd_amcache == nullptr) {
        Meta meta;
        read_meta(index, &meta);  // may fail: allocate after it
        auto cache = static_cast<Cache *>(MemoryContextAllocZero(index->rd_indexcxt, sizeof(Cache)));
        cache->page = {InvalidBlockNumber, 0};
        remember_format(cache, meta);
        index->rd_amcache = cache;
    }
    return static_cast<Cache *>(index->rd_amcache);
}

// Checks the entry against the meta page, and notes there what the entry is the first of.
static void admit_to_index(Relation index, Cache *cache, const Entry &entry) {
    if (entry_fits(cache->bits, cache->method, entry)) return;
    MetaChange change;
    begin_meta_change(index, &change);
    uint32 bits = change.meta.bits, method = change.meta.method;
    admit_entry(index, &change.meta, entry);
    remember_format(cache, change.meta);
    if (change.meta.bits != bits || change.meta.method != method)
        finish_meta_change(&change);
    else
        abandon_meta_change(&change);
}

// --- pending pages --------------------------------------------------------------------------------

// The page, locked, if it still takes entries. Without `wait` only if the lock is free; *busy says it was
// not.
static Buffer lock_if_open(Relation index, PageRef ref, int words, bool wait, bool *busy) {
    if (ref.block == InvalidBlockNumber || ref.block == kMetaBlock) return InvalidBuffer;
    Buffer buffer = ReadBuffer(index, ref.block);
    if (wait) {
        LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    } else if (!ConditionalLockBuffer(buffer)) {
        *busy = true;
        ReleaseBuffer(buffer);
        return InvalidBuffer;
    }
    Page page = BufferGetPage(buffer);
    const char *damage = find_damage(page, words);
    if (damage != nullptr) report_corruption(index, ref.block, damage);
    const PageTrailer *trailer = page_trailer(page);
    if (!PageIsNew(page) && trailer->kind == kPendingPage && trailer->serial == ref.serial &&
        trailer->retired == 0 && !(trailer->flags & kClosed) &&
        trailer->count < Layout::of_words(words).capacity)
        return buffer;
    UnlockReleaseBuffer(buffer);
    return InvalidBuffer;
}

// A pending page with room, else invalid; then `full` says that there is none, or that those who wait are
// better off with another. The last pages are looked at first; of the others vacuum may have made room on
// some.
static Buffer lock_open_page(Relation index, const Meta &meta, Cache *cache, bool *full) {
    uint32 busy_count = 0;
    for (uint32 i = 0; i < meta.pending_count; i++) {
        bool busy = false;
        PageRef ref = meta.pending[meta.pending_count - 1 - i];
        Buffer buffer = lock_if_open(index, ref, meta.words(), false, &busy);
        if (BufferIsValid(buffer)) {
            cache->page = ref;
            return buffer;
        }
        if (busy) busy_count++;
    }
    *full = busy_count < kOpenPages;
    if (*full) return InvalidBuffer;
    PageRef ref = meta.pending[meta.pending_count - 1 - MyProcPid % kOpenPages];
    return lock_if_open(index, ref, meta.words(), true, nullptr);
}

// Adds the entry on a new page; false where the list of pending pages has no room for it.
static bool add_pending_page(Relation index, Cache *cache, const Entry &entry, const ItemPointerData *tid,
                             bool *merge_due) {
    Buffer buffer = allocate_page(index);
    MetaChange change;
    begin_meta_change(index, &change);
    Meta *meta = &change.meta;
    if (meta->pending_count == kMaxPending) {
        abandon_meta_change(&change);
        UnlockReleaseBuffer(buffer);
        return false;
    }
    PageRef ref = {BufferGetBlockNumber(buffer), next_serial(&meta->next_serial)};
    meta->pending[meta->pending_count++] = ref;
    *merge_due = meta->pending_count >= pending_limit(index);
    PGAlignedBlock image;
    init_page(image.data, kPendingPage, meta->words(), ref.serial);
    append_entry(image.data, Layout::of_words(meta->words()), entry.code, tid);
    PageChange page = {buffer, image.data};
    finish_meta_change(&change, &page);
    UnlockReleaseBuffer(buffer);
    TEST_POINT("pending-page-listed");
    cache->page = ref;
    return true;
}

static void append_to(Relation index, Buffer buffer, int words, const uint64 *code,
                      const ItemPointerData *tid) {
    GenericXLogState *xlog = GenericXLogStart(index);
    append_entry(GenericXLogRegisterBuffer(xlog, buffer, 0), Layout::of_words(words), code, tid);
    GenericXLogFinish(xlog);
    UnlockReleaseBuffer(buffer);
}

static void insert_hash(Relation index, Cache *cache, const Entry &entry, const ItemPointerData *tid) {
    const int words = hamming::words_of_bits(entry.bits);
    bool busy;
    Buffer buffer = lock_if_open(index, cache->page, words, false, &busy);
    bool merge_due = false;
    while (!BufferIsValid(buffer)) {
        CHECK_FOR_INTERRUPTS();
        Meta meta;
        bool full = false;
        read_meta(index, &meta);
        TEST_POINT("insert-meta-read");
        buffer = lock_open_page(index, meta, cache, &full);
        if (BufferIsValid(buffer) || !full) continue;
        if (add_pending_page(index, cache, entry, tid, &merge_due)) break;
        TEST_POINT("insert-list-full");
        lock_structure(index);  // somebody else is merging, or nobody could
        merge_if_due(index, MergeWhen::full);
        unlock_structure(index);
    }
    if (BufferIsValid(buffer)) append_to(index, buffer, words, entry.code, tid);
    TEST_POINT("insert-entered");
    if (merge_due && try_lock_structure(index)) {
        merge_if_due(index, MergeWhen::full);
        unlock_structure(index);
    }
}

// --- null pages -----------------------------------------------------------------------------------

static Buffer lock_null_page(Relation index, BlockNumber known) {
    if (known == InvalidBlockNumber || known == kMetaBlock || known >= RelationGetNumberOfBlocks(index))
        return InvalidBuffer;
    Buffer buffer = read_page(index, known, kAnyWords, BUFFER_LOCK_EXCLUSIVE);
    if (null_page_has_room(BufferGetPage(buffer))) return buffer;
    UnlockReleaseBuffer(buffer);
    note_null_page(index, known, false);
    return InvalidBuffer;
}

static void insert_null(Relation index, const ItemPointerData *tid) {
    Meta meta;
    read_meta(index, &meta);
    Buffer buffer = lock_null_page(index, meta.null_block);
    if (BufferIsValid(buffer)) return append_to(index, buffer, 0, nullptr, tid);
    buffer = allocate_null_page(index);
    PGAlignedBlock image;
    if (null_page_has_room(BufferGetPage(buffer))) {
        memcpy(image.data, BufferGetPage(buffer), BLCKSZ);
    } else {
        init_page(image.data, kNullPage, 0, 0);
    }
    append_entry(image.data, Layout::of_words(0), nullptr, tid);
    MetaChange change;
    begin_meta_change(index, &change);
    change.meta.null_block = BufferGetBlockNumber(buffer);
    PageChange page = {buffer, image.data};
    finish_meta_change(&change, &page);
    UnlockReleaseBuffer(buffer);
    TEST_POINT("null-page-listed");
}

bool hamming_insert(Relation index, Datum *values, bool *is_null, ItemPointer tid, Relation /* heap */,
                    IndexUniqueCheck /* check_unique */, bool /* index_unchanged */, IndexInfo * /* info */) {
    Entry entry;
    make_entry(index, values[0], is_null[0], &entry);
    if (entry.is_null) {
        insert_null(index, tid);
        return false;
    }
    Cache *cache = cache_of(index);
    admit_to_index(index, cache, entry);
    ItemPointerData stored = stored_tid(entry, tid);
    Cache local = *cache;  // a merge may accept an invalidation, which frees the cache
    insert_hash(index, &local, entry, &stored);
    if (index->rd_amcache != nullptr) static_cast<Cache *>(index->rd_amcache)->page = local.page;
    return false;
}

}  // namespace imagehash::index
