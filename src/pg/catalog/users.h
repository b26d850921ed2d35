// How a hasher or model is kept from going while a transaction uses it.
//
// Who hashes locks the name (lock_catalog_name) until the transaction ends. What is committed is found by
// expressions.h.
#pragma once

#include "pg/catalog/tables.h"

namespace imagehash::pg {

// Waits for transactions that use the row or have made expressions of functions, and keeps others from using
// it until this transaction ends. It holds the name while it waits for nothing, and waits while it does not
// hold it: a transaction that has made a table and now fills it is not in its way.
void lock_against_users(CatalogTable which, const char *name);

}  // namespace imagehash::pg
