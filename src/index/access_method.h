// The callbacks that PostgreSQL calls, one file each: build.cpp, insert.cpp, scan.cpp, vacuum.cpp, cost.cpp,
// validate.cpp.
#pragma once

#include "pg/server/pg.h"

extern "C" {
#include "access/amapi.h"
#include "access/genam.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
}

namespace imagehash::index {

IndexBuildResult *hamming_build(Relation heap, Relation index, IndexInfo *info);
void hamming_buildempty(Relation index);
char *hamming_buildphasename(int64 phase);
bool hamming_insert(Relation index, Datum *values, bool *is_null, ItemPointer tid, Relation heap,
                    IndexUniqueCheck check_unique, bool index_unchanged, IndexInfo *info);

IndexScanDesc hamming_beginscan(Relation index, int nkeys, int norderbys);
void hamming_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys);
bool hamming_gettuple(IndexScanDesc scan, ScanDirection direction);
bool hamming_canreturn(Relation index, int attribute);
int64 hamming_getbitmap(IndexScanDesc scan, TIDBitmap *bitmap);
void hamming_endscan(IndexScanDesc scan);

IndexBulkDeleteResult *hamming_bulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *result,
                                          IndexBulkDeleteCallback is_dead, void *is_dead_state);
IndexBulkDeleteResult *hamming_vacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *result);

void hamming_costestimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup_cost,
                          Cost *total_cost, Selectivity *selectivity, double *correlation, double *pages);
bool hamming_validate(Oid opclass);

}  // namespace imagehash::index
