// Who uses a hasher or model, and how it is kept from going while somebody does.
//
// A name in an expression is a constant to PostgreSQL, not a dependency. So whoever may drop a row asks the
// catalogs for expressions that hold its name, and who hashes locks the name (lock_catalogue_name) until the
// transaction ends.
#pragma once

#include "pg/catalog/tables.h"

namespace imagehash::pg {

// Waits for transactions that use the row or have made expressions of functions, and keeps others from using
// it until this transaction ends. It holds the name while it waits for nothing, and waits while it does not
// hold it: a transaction that has made a table and now fills it is not in its way.
void lock_against_users(CatalogueTable which, const char *name);

// What has the name in an expression, as lines of a message; null where nothing does. Sees what was
// committed up to now, whatever the transaction's snapshot.
// REQUIRES: run_as() or run_with_safe_path(), as for hashers_of().
char *users_of(CatalogueTable which, const char *name);

// The same for the hashers of a model.
char *hashers_of(Datum sha256);

}  // namespace imagehash::pg
