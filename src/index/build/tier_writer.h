// Writes a tier: codes and TIDs in the order of leaf and radius to pages, then the directory, then the root.
#pragma once

#include "index/store/recycle.h"
#include "index/build/tier_image.h"

namespace imagehash::index {

// A leaf as it is written.
struct LeafRow {
    uint16 rmin, rmax;
    uint32 entries, first_group, first_tid;
};

struct PageRefs {
    PageRef *refs;
    int64 count, room;
};

struct TierWriter {
    Relation index;
    bool logged;  // else the index is being built, and logged as a whole at its end
    int words;
    uint32 tight_leaves;
    uint32 leaves;             // given
    const uint64 *centroids;   // row-major, of the leaves given
    const int64 *leaf_counts;  // rows that each of them will get
    uint32 *next_serial;       // where the index is being built
    uint32 serial;             // else of a batch that was taken from the meta page
    uint32 serials_left;

    int leaf;                          // that is being written, -1 at first
    int64 leaf_left;                   // rows that it still gets
    bool codes_started, tids_started;  // the pages
    int codes_fill, tids_fill;         // codes and TIDs on them
    int64 cut_at;  // the number of code pages at which the last leaf began pages of its own

    uint32 written_leaves;
    uint64 *written_centroids;
    uint32 written_tight_leaves;
    LeafRow *leaf_rows;
    int16 *radii;  // the least one of each group
    int64 radii_count, radii_room;
    bool without_order;  // of the rows of a leaf: groups have no bounds
    PageRefs code_pages, tid_pages;
    int64 entries;
    PagesTooEarly too_early;
    PGAlignedBlock codes, tids;
};

// Rows come in ascending order of (leaf, radius).
void start_tier(TierWriter *writer);
void write_row(TierWriter *writer, uint32 leaf, uint16 radius, const uint64 *code,
               const ItemPointerData *tid);
// Begins a leaf, which may get no rows. write_row() does it for leaves that have some.
void begin_leaf(TierWriter *writer, uint32 leaf);
// Takes leaves `first` to `end` over from another tier, with the pages that hold their rows, and only those.
void share_leaves(TierWriter *writer, const TierImage &image, uint32 first, uint32 end);
// Ends the pages that are being written: what was written of the leaves, for statistics, before the directory
// goes to disk.
void finish_codes(TierWriter *writer);
// Of leaves whose rows were not ordered by radius: nothing is ruled out.
void widen_bounds(TierWriter *writer, uint16 bits);
Tier finish_tier(TierWriter *writer, const TierStatistics &statistics);

}  // namespace imagehash::index
