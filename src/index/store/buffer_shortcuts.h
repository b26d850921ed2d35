// Shorter ways to a page than ReadBuffer(), for searches, which read hundreds of pages each. What they do to
// PostgreSQL's buffers, and why they may, is said in the .cpp.
#pragma once

#include "index/store/page.h"

namespace imagehash::index {

// Pins the block, as ReadBuffer() does. It must exist.
Buffer pin_block(Relation index, BlockNumber block);

// Whether the file has the block.
bool block_exists(Relation index, BlockNumber block);

// Asks the processor to fetch what read_ref() looks at first, where it is known in which buffer the block
// was. Returns the page's place, or null. The place is good for prefetching more of the page, and for nothing
// else: the page is not pinned.
constexpr int kCacheLine = 64;
const char *prefetch_block(Relation index, BlockNumber block);

}  // namespace imagehash::index
