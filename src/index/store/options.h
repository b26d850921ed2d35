// Storage parameters: CREATE INDEX ... USING hamming (hash) WITH (name = value).
#pragma once

#include "pg/server/pg.h"

namespace imagehash::index {

// Called once by _PG_init.
void define_options();
bytea *hamming_options(Datum reloptions, bool validate);

// Pending pages at which an inserter merges.
uint32 pending_limit(Relation index);
// Whether tiers are clustered; else rows stay in the order they come in.
bool wants_clustering(Relation index);

}  // namespace imagehash::index
