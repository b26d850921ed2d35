// CREATE INDEX and REINDEX, as PostgreSQL calls them.
#pragma once

#include "pg/server/pg.h"

namespace imagehash::index {

IndexBuildResult *hamming_build(Relation heap, Relation index, IndexInfo *info);
void hamming_buildempty(Relation index);

}  // namespace imagehash::index
