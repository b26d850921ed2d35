// A retired page goes into the free space map at once, and whoever takes it from there looks whether it is
// free yet.
#include "index/store/recycle.h"

#include "index/store/old_readers.h"
#include "index/store/test_point.h"

extern "C" {
#include "access/transam.h"
#include "storage/freespace.h"
#include "storage/indexfsm.h"
#include "storage/proc.h"
#include "utils/snapmgr.h"
}

namespace imagehash::index {

// The free space map says half a page of a page that is free, and less of a null page with room.
constexpr Size kFreeEnough = BLCKSZ / 2;
constexpr Size kNullPageRoom = BLCKSZ / 4;
constexpr int kTries = 16;
// Who needs one page looks at so many that cannot be used yet before it adds one. A search of the map begins
// at its front after each merge, where the pages lie that the last merges have left: with few tries there is
// never an end to adding pages, though hundreds behind them are free.
constexpr int kPatientTries = 1024;

uint64 retirement_mark() {
    const bool in_vacuum = (MyProc->statusFlags & PROC_IN_VACUUM) != 0;
    const uint64 next = U64FromFullTransactionId(ReadNextFullTransactionId());
    return in_vacuum && no_replica_reads() && snapshots_end_soon() ? next - 1 : next;
}

void mark_retired(Relation index, Buffer buffer, uint64 mark) {
    GenericXLogState *xlog = GenericXLogStart(index);
    page_trailer(GenericXLogRegisterBuffer(xlog, buffer, 0))->retired = mark;
    GenericXLogFinish(xlog);
}

void retire_page(Relation index, PageRef ref, uint64 mark) {
    Buffer buffer = ReadBuffer(index, ref.block);
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    const PageTrailer *trailer = page_trailer(BufferGetPage(buffer));
    if (!PageIsNew(BufferGetPage(buffer)) && trailer->serial == ref.serial && trailer->retired == 0)
        mark_retired(index, buffer, mark);
    UnlockReleaseBuffer(buffer);
    TEST_POINT("page-retired");
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

// What the page was marked with when it left, 0 where it did not.
static uint64 mark_of(Relation index, BlockNumber block) {
    Buffer buffer = ReadBuffer(index, block);
    LockBuffer(buffer, BUFFER_LOCK_SHARE);
    uint64 mark = PageIsNew(BufferGetPage(buffer)) ? 0 : page_trailer(BufferGetPage(buffer))->retired;
    UnlockReleaseBuffer(buffer);
    return mark;
}

// What the map says is free, locked; pages that are not yet are put aside, at most `room`. *oldest falls to
// the least mark among them.
static Buffer take_from_map(Relation index, BlockNumber *too_early, int *count, int room, uint64 *oldest) {
    while (*count < room) {
        BlockNumber block = GetFreeIndexPage(index);
        if (block == InvalidBlockNumber) break;
        Buffer buffer = lock_if_recyclable(index, block);
        if (BufferIsValid(buffer)) {
            TEST_POINT("page-reused");
            return buffer;
        }
        if (block == kMetaBlock || block >= RelationGetNumberOfBlocks(index)) continue;
        const uint64 mark = mark_of(index, block);
        if (mark == 0) continue;
        too_early[(*count)++] = block;
        *oldest = Min(*oldest, mark);
    }
    return InvalidBuffer;
}

static Buffer add_page_at_end(Relation index) {
    Buffer buffer = pg::extend_relation(index);
    TEST_POINT("page-added");
    return buffer;
}

// The search of the map that found no page last, and the least mark of what it found: as long as a snapshot
// holds that back, patience finds no other.
static struct {
    Oid index;
    uint64 oldest;
} vain_search;

Buffer allocate_page(Relation index) {
    BlockNumber too_early[kPatientTries];
    int count = 0;
    uint64 oldest = PG_UINT64_MAX;
    const bool in_vain =
        vain_search.index == RelationGetRelid(index) &&
        !GlobalVisCheckRemovableFullXid(nullptr, FullTransactionIdFromU64(vain_search.oldest));
    Buffer buffer = take_from_map(index, too_early, &count, in_vain ? kTries : kPatientTries, &oldest);
    if (!in_vain && !BufferIsValid(buffer) && count > 0) vain_search = {RelationGetRelid(index), oldest};
    for (int i = 0; i < count; i++) RecordFreeIndexPage(index, too_early[i]);
    return BufferIsValid(buffer) ? buffer : add_page_at_end(index);
}

Buffer allocate_one_of_many(Relation index, PagesTooEarly *too_early) {
    uint64 oldest = PG_UINT64_MAX;
    Buffer buffer =
        take_from_map(index, too_early->blocks, &too_early->count, lengthof(too_early->blocks), &oldest);
    return BufferIsValid(buffer) ? buffer : add_page_at_end(index);
}

void put_back(Relation index, PagesTooEarly *too_early) {
    for (int i = 0; i < too_early->count; i++) RecordFreeIndexPage(index, too_early->blocks[i]);
    too_early->count = 0;
}

void note_null_page(Relation index, BlockNumber block, bool has_room) {
    RecordPageWithFreeSpace(index, block, has_room ? kNullPageRoom : 0);
}

bool null_page_has_room(Page page) {
    return !PageIsNew(page) && page_trailer(page)->kind == kNullPage && page_trailer(page)->retired == 0 &&
           page_count(page) < Layout::of_words(0).capacity;
}

Buffer allocate_null_page(Relation index) {
    for (int i = 0; i < kTries; i++) {
        BlockNumber block = GetPageWithFreeSpace(index, kNullPageRoom);
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
    return add_page_at_end(index);
}

// Vacuum needs to know nothing of the constants above.
static_assert(kNullPageRoom < kFreeEnough, "a null page must not pass for a free one");

}  // namespace imagehash::index
