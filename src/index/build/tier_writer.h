// Writes a tier: codes in the order of leaf and radius to pages, then the directory, then the root.
#pragma once

#include "index/store/recycle.h"
#include "index/build/tier_image.h"

namespace imagehash::index {

struct TierWriter {
    Relation index;
    bool logged;  // else the index is being built, and logged as a whole at its end
    int words;
    Layout layout;
    uint32 tight_leaves;
    uint32 leaves;             // given
    const uint64 *centroids;   // row-major, of the leaves given
    const int64 *leaf_counts;  // rows that each of them will get
    uint32 *next_serial;       // where the index is being built
    uint32 serial;             // else of a batch that was taken from the meta page
    uint32 serials_left;

    int leaf;         // that is being written, -1 at first
    int64 leaf_left;  // rows that it still gets
    PageRef page_ref;
    bool page_started;
    int page_fill;
    int segment_room;  // rows that the current segment can still take

    uint32 written_leaves;
    uint64 *written_centroids;
    uint32 written_tight_leaves;
    LeafRow *leaf_rows;
    Segment *segments;
    int64 segments_count, segments_room;
    PageRef *refs;  // of the code pages
    int64 refs_count, refs_room;
    int64 entries;
    PagesTooEarly too_early;
    PGAlignedBlock page;
};

// Rows come in ascending order of (leaf, radius).
void start_tier(TierWriter *writer);
void write_row(TierWriter *writer, uint32 leaf, uint16 radius, const uint64 *code,
               const ItemPointerData *tid);
// Begins a leaf, which may get no rows. write_row() does it for leaves that have some.
void begin_leaf(TierWriter *writer, uint32 leaf);
// Takes leaves `first` to `end` over from another tier, with the pages that hold their codes, and only those.
void share_leaves(TierWriter *writer, const TierImage &image, uint32 first, uint32 end);
// Ends the page that is being written: what was written of the leaves, for statistics, before the directory
// goes to disk.
void finish_codes(TierWriter *writer);
// Of a leaf whose rows were not ordered by radius: nothing is ruled out.
void widen_bounds(TierWriter *writer, uint16 bits);
Tier finish_tier(TierWriter *writer, const TierStatistics &statistics);

}  // namespace imagehash::index
