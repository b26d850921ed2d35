// Shorter ways to a page than ReadBuffer(), for searches, which read hundreds of pages each. What they do to
// PostgreSQL's buffers, and why they may, is said in the .cpp.
#pragma once

#include "index/store/page.h"

namespace imagehash::index {

// Pins the block, as ReadBuffer() does. It must exist.
Buffer pin_block(Relation index, BlockNumber block);

// Whether the file has the block.
bool block_exists(Relation index, BlockNumber block);

}  // namespace imagehash::index
