// VACUUM, as PostgreSQL calls it.
#pragma once

#include "pg/server/pg.h"

extern "C" {
#include "access/genam.h"
}

namespace imagehash::index {

IndexBulkDeleteResult *hamming_bulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *result,
                                          IndexBulkDeleteCallback is_dead, void *is_dead_state);
IndexBulkDeleteResult *hamming_vacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *result);

}  // namespace imagehash::index
