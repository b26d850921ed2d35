// Memory for a scan's arrays that stays with the backend: fresh memory from the system costs a page fault for
// every 4 kB, which for a search in a large index would be a fifth of its time.
#pragma once

#include "pg/server/pg.h"

namespace imagehash::index {

// Memory that lives as long as `context`, not zeroed. One scan at a time has the backend's arena; others, and
// what does not fit, get memory of the context.
void *arena_alloc(MemoryContext context, Size size);

}  // namespace imagehash::index
