// What uses a hasher or model: expressions, bodies of functions, and hashers.
//
// A name in an expression is a constant to PostgreSQL, not a dependency. So whoever may drop a row asks here.
#pragma once

#include "pg/catalog/tables.h"

namespace imagehash::pg {

// What has the name in an expression, as lines of a message; null where nothing does. Sees what was
// committed up to now, whatever the transaction's snapshot.
// REQUIRES: run_as() or run_with_safe_path(), as for hashers_of().
char *users_of(CatalogTable which, const char *name);

// The same for the hashers of a model.
char *hashers_of(Datum sha256);

}  // namespace imagehash::pg
