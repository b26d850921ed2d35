// Lets the planner take  hash <~> query <= radius  for what it is, hamming_within(hash, query, radius).
#pragma once

#include "pg/server/pg.h"

namespace imagehash::pg {

// Called once by _PG_init.
void serve_distance_clauses();

}  // namespace imagehash::pg
