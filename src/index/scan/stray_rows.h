// Entries that point to where no row can be.
#pragma once

#include "index/scan/scan_state.h"

namespace imagehash::index {

// ERROR (index_corrupted) where the TID of an entry, as the index stores it, is none that a row can have. For
// rows that are handed out: a search finds many more.
void check_row(IndexScanDesc scan, const ItemPointerData *stored);

}  // namespace imagehash::index
