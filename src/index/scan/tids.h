// The TIDs of rows that a scan has found in tiers.
#pragma once

#include "index/scan/visit.h"

namespace imagehash::index {

// Replaces references to places in tiers by TIDs, as stored, and leaves out rows that vacuum has removed and
// those whose method the scan does not want. Rows keep their order; visible[i], and where `codes` is not null
// the `words` of codes, move with them. Returns how many rows are left. Rows of one page that follow each
// other cost one look at it.
int fetch_tids(IndexScanDesc scan, RowRef *rows, bool *visible, uint64 *codes, int count);

}  // namespace imagehash::index
