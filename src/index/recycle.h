// Pages that leave the index, and pages for new contents.
//
// A page that is no longer part of the index stays as it is, for scans that began before it left: it is
// marked with the transaction id that comes next, and reused only when no snapshot is older than that.
#pragma once

#include "index/page.h"

namespace imagehash::index {

// Marks a page as retired, unless it already is or holds something else by now.
void retire_page(Relation index, PageRef ref);

// Whether a page that is locked can take new contents: never written, or retired before every snapshot in
// use.
bool is_recyclable(Page page);

// A page for new contents, locked exclusively: one that vacuum or a merge noted as free, else a new one at
// the end of the file.
Buffer allocate_page(Relation index);

// Whether the page is a null page that takes more.
bool null_page_has_room(Page page);
// A null page with room, or a page that can become one, locked exclusively.
Buffer allocate_null_page(Relation index);
// What the free space map says of a null page: that it has room for more, or none.
void note_null_page(Relation index, BlockNumber block, bool has_room);

}  // namespace imagehash::index
