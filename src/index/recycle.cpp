// Retiring and reusing pages; see recycle.h.
#include "index/recycle.h"

extern "C" {
#include "access/transam.h"
#include "storage/freespace.h"
#include "storage/indexfsm.h"
#include "utils/snapmgr.h"
}

namespace imagehash::index {

// The free space map says half a page of a page that is free, and less of a null page with room.
static const Size free_enough = BLCKSZ / 2;
static const Size null_page_room = BLCKSZ / 4;
static const int tries = 16;

void retire_page(Relation index, PageRef ref) {
    Buffer buffer = ReadBuffer(index, ref.block);
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    const PageTrailer *trailer = page_trailer(BufferGetPage(buffer));
    if (!PageIsNew(BufferGetPage(buffer)) && trailer->serial == ref.serial && trailer->retired == 0) {
        GenericXLogState *xlog = GenericXLogStart(index);
        page_trailer(GenericXLogRegisterBuffer(xlog, buffer, 0))->retired =
            U64FromFullTransactionId(ReadNextFullTransactionId());
        GenericXLogFinish(xlog);
    }
    UnlockReleaseBuffer(buffer);
    RecordFreeIndexPage(index, ref.block);
}

bool is_recyclable(Page page) {
    if (PageIsNew(page)) return true;
    uint64 retired = page_trailer(page)->retired;
    return retired != 0 && GlobalVisCheckRemovableFullXid(nullptr, FullTransactionIdFromU64(retired));
}

// The block, locked, if it can be reused. Who else got it from the map at the same time holds the lock, or
// finds it used.
static Buffer lock_if_recyclable(Relation index, BlockNumber block) {
    if (block == kMetaBlock || block >= RelationGetNumberOfBlocks(index)) return InvalidBuffer;
    Buffer buffer = ReadBuffer(index, block);
    if (ConditionalLockBuffer(buffer)) {
        Page page = BufferGetPage(buffer);
        if (PageIsNew(page) || (find_damage(page, kAnyWords) == nullptr && is_recyclable(page)))
            return buffer;
        LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
    }
    ReleaseBuffer(buffer);
    return InvalidBuffer;
}

static bool is_retired(Relation index, BlockNumber block) {
    Buffer buffer = ReadBuffer(index, block);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    bool retired = !PageIsNew(BufferGetPage(buffer)) && page_trailer(BufferGetPage(buffer))->retired != 0;
    UnlockReleaseBuffer(buffer);
    return retired;
}

Buffer allocate_page(Relation index) {
    BlockNumber too_early[tries];
    int count = 0;
    Buffer buffer = InvalidBuffer;
    for (int i = 0; i < tries && !BufferIsValid(buffer); i++) {
        BlockNumber block = GetFreeIndexPage(index);
        if (block == InvalidBlockNumber) break;
        buffer = lock_if_recyclable(index, block);
        if (!BufferIsValid(buffer) && block != kMetaBlock && block < RelationGetNumberOfBlocks(index) &&
            is_retired(index, block))
            too_early[count++] = block;
    }
    for (int i = 0; i < count; i++) RecordFreeIndexPage(index, too_early[i]);
    return BufferIsValid(buffer) ? buffer : pg::extend_relation(index);
}

void note_null_page(Relation index, BlockNumber block, bool has_room) {
    RecordPageWithFreeSpace(index, block, has_room ? null_page_room : 0);
}

bool null_page_has_room(Page page) {
    return !PageIsNew(page) && page_trailer(page)->kind == kNullPage && page_trailer(page)->retired == 0 &&
           page_count(page) < Layout::of_words(0).capacity;
}

Buffer allocate_null_page(Relation index) {
    for (int i = 0; i < tries; i++) {
        BlockNumber block = GetPageWithFreeSpace(index, null_page_room);
        if (block == InvalidBlockNumber || block == kMetaBlock || block >= RelationGetNumberOfBlocks(index))
            break;
        Buffer buffer = ReadBuffer(index, block);
        LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
        Page page = BufferGetPage(buffer);
        bool sound = PageIsNew(page) || find_damage(page, kAnyWords) == nullptr;
        if (sound && null_page_has_room(page)) return buffer;
        if (sound && is_recyclable(page)) {
            note_null_page(index, block, true);
            return buffer;
        }
        UnlockReleaseBuffer(buffer);
        note_null_page(index, block, false);
    }
    return pg::extend_relation(index);
}

// Vacuum needs to know nothing of the constants above.
static_assert(null_page_room < free_enough, "a null page must not pass for a free one");

}  // namespace imagehash::index
