// Opening an index by its OID, for functions that say what is in it.
#pragma once

#include "pg/server/pg.h"

namespace imagehash::index {

struct OpenIndex {
    Relation heap;
    Relation index;
};

// Opens an index and its table for reading, the table first as everybody does. ERROR unless it is a valid
// hamming index whose data can be read: not a partitioned one, nor a temporary one of another session, nor an
// unlogged one on a standby.
OpenIndex open_hamming_index(Oid relation);
void close_hamming_index(const OpenIndex &open);

}  // namespace imagehash::index
