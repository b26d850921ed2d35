// Index scans, as PostgreSQL calls them.
#pragma once

#include "pg/server/pg.h"

namespace imagehash::index {

IndexScanDesc hamming_beginscan(Relation index, int nkeys, int norderbys);
void hamming_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys);
bool hamming_gettuple(IndexScanDesc scan, ScanDirection direction);
bool hamming_canreturn(Relation index, int attribute);
int64 hamming_getbitmap(IndexScanDesc scan, TIDBitmap *bitmap);
void hamming_endscan(IndexScanDesc scan);

}  // namespace imagehash::index
