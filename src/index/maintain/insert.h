// INSERT, as PostgreSQL calls it.
#pragma once

#include "pg/server/pg.h"

extern "C" {
#include "access/genam.h"
}

namespace imagehash::index {

bool hamming_insert(Relation index, Datum *values, bool *is_null, ItemPointer tid, Relation heap,
                    IndexUniqueCheck check_unique, bool index_unchanged, IndexInfo *info);

}  // namespace imagehash::index
