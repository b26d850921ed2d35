// Which access method is this one. An access method of another extension may number its operators alike, and
// may even have the same name in a database in which imagehash is not created.
#pragma once

#include "pg/server/pg.h"

extern "C" {
#include "nodes/pathnodes.h"
}

namespace imagehash::index {

// Whether the access method's handler is hamming_handler(). Calls the handler; false for no access method and
// for one of tables.
bool is_hamming_method(Oid access_method);

bool is_hamming_index(Relation index);
bool is_hamming_index(const IndexOptInfo *index);  // one that has pages: no partitioned index

// The access method that the extension has created in this database; InvalidOid where there is none.
Oid hamming_method();

}  // namespace imagehash::index
