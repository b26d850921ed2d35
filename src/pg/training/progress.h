// What long work says on its way: how often, and how long it will still take. Must not know what the work is.
#pragma once

#include "pg/server/pg.h"

extern "C" {
#include "utils/timestamp.h"
}

namespace imagehash::pg {

// Whether a second has passed since the start, or since it last said so: what is reported on the way is no
// more frequent, and short work silent.
void start_progress();
bool progress_is_due();

// Of work that began at `start` and has done some of `total` (palloc): "about 3 min left". Empty where that
// cannot be known: nothing is done yet, or all of it.
char *time_left(TimestampTz start, double done, double total);

}  // namespace imagehash::pg
