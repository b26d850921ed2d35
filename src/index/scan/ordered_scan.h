// Rows in order of distance.
#pragma once

#include "index/scan/scan_state.h"

namespace imagehash::index {

// Begins the scan; the directory and the distances of its centroids are in the scan's state.
void start_ordered(IndexScanDesc scan);
// The next row by distance; false when all rows that have a distance are served.
bool next_in_order(IndexScanDesc scan, ItemPointer tid, int *distance);

}  // namespace imagehash::index
