// Pages that leave the index, and pages for new contents.
//
// A page that is no longer part of the index stays as it is, for scans that began before it left: it is
// marked with the transaction id that comes next, and reused only when no snapshot is older than that.
// Without traffic no transaction id ever comes next; so where the snapshots of that moment end soon, pages
// that leave in vacuum are marked as if they had left earlier, and it can use them again at once.
#pragma once

#include "index/store/page.h"

namespace imagehash::index {

// What a page is marked with that has left the index by now. A smaller mark than the page has says that
// nobody reads it any more.
uint64 retirement_mark();
void mark_retired(Relation index, Buffer buffer, uint64 mark);
// Marks a page as retired, unless it already is or holds something else by now.
void retire_page(Relation index, PageRef ref, uint64 mark);

// Whether a page that is locked can take new contents: never written, or retired before every snapshot in
// use.
bool is_recyclable(Page page);

// A page for new contents, locked exclusively: one that vacuum or a merge noted as free, else a new one at
// the end of the file.
Buffer allocate_page(Relation index);

// For who allocates many: pages of the map that cannot be used yet are left out of it until they are put
// back, so that they are looked at once and do not hide others. After an error, vacuum notes them again.
struct PagesTooEarly {
    BlockNumber blocks[1024];
    int count;
};
Buffer allocate_one_of_many(Relation index, PagesTooEarly *too_early);
void put_back(Relation index, PagesTooEarly *too_early);

// Whether the page is a null page that takes more.
bool null_page_has_room(Page page);
// A null page with room, or a page that can become one, locked exclusively.
Buffer allocate_null_page(Relation index);
// What the free space map says of a null page: that it has room for more, or none.
void note_null_page(Relation index, BlockNumber block, bool has_room);

}  // namespace imagehash::index
