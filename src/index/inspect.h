// What check.cpp and stats.cpp share.
#pragma once

#include "pg/pg.h"

namespace imagehash::index {

// Opens an index for reading. ERROR unless it is a hamming index whose data can be read: not a partitioned
// one, and not a temporary one of another session.
Relation open_hamming_index(Oid relation);

}  // namespace imagehash::index
