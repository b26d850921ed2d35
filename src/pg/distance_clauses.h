// Lets hamming indexes serve  hash <~> query <= radius.
#pragma once

#include "pg/pg.h"

extern "C" {
#include "nodes/primnodes.h"
}

namespace imagehash::pg {

// Called once by _PG_init.
void serve_distance_clauses();

// Of support.cpp. The operator of the family that tests membership in a ball, and the type of its right side.
bool find_ball_operator(Oid opfamily, Oid *op, Oid *ball_type);
// hash <@ ROW(query, radius)
Expr *make_ball_condition(Oid op, Oid ball_type, Expr *hash, Expr *query, Expr *radius);

}  // namespace imagehash::pg
