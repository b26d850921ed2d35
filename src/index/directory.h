// The directory of a tier: its leaves, each a centroid with the codes near it, and the segments those codes
// lie in.
//
// A leaf's codes are ordered by radius, their distance to the centroid, and cut into segments, each a run of
// entries on one page. The triangle inequality bounds what a leaf or a segment can hold: with D = d(query,
// centroid), no code in it is nearer to the query than max(D - rmax, rmin - D, 0), and none is farther than D
// + rmax.
#pragma once

#include "index/meta.h"

namespace imagehash::index {

struct Segment {
    PageRef page;
    uint16 start;  // the first entry on the page, a multiple of eight
    uint16 count;
    uint16 rmin;
    uint16 rmax;
};
constexpr int kSegmentsPerPage = (kPageEnd - kCodesOffset) / static_cast<int>(sizeof(Segment));

// Pages that so many things fill.
inline uint32 pages_for(uint64 things, int per_page) {
    return static_cast<uint32>((things + per_page - 1) / per_page);
}

// Leaf pages have the centroids, blocked by eight as codes are, then what belongs to each.
struct LeafColumns {
    uint16 *rmin;
    uint16 *rmax;
    uint32 *first_segment;
    uint32 *entries;
};
constexpr int leaf_capacity(int words) {
    return blocks_of_eight(words * static_cast<int>(sizeof(uint64)) + 2 * static_cast<int>(sizeof(uint16)) +
                           2 * static_cast<int>(sizeof(uint32))) *
           hamming::kBlock;
}
LeafColumns leaf_columns(Page page, int words);

// What the planner is told; measured when the tier was built, with codes of the index as queries.
constexpr int kRankSteps = 4;  // k = 1, 10, 100, 1000
constexpr int kRadiusSteps = 16;
constexpr int kRecallSteps = 8;
struct TierStatistics {
    float codes_at_rank[kRankSteps];       // share of the codes whose bound reaches the k-th neighbour
    float pages_at_rank[kRankSteps];       // share of the pages with such codes
    float rows_in_radius[kRadiusSteps];    // share of the rows within radius_step(i)
    float codes_in_radius[kRadiusSteps];   // share of the codes whose bound is within it
    float pages_in_radius[kRadiusSteps];   // share of the pages with such codes
    float codes_for_recall[kRecallSteps];  // share of the codes, nearest leaves first, that holds
                                           // kRecallTargets[i]
};
constexpr double kRecallTargets[kRecallSteps] = {0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 1.0};
// Radii for which there are statistics: fractions of the length, denser where near-duplicates are.
inline int radius_step(int i, int bits) {
    static const int thousandths[kRadiusSteps] = {0,   16,  32,  63,  94,  125, 157, 188,
                                                  219, 250, 282, 313, 344, 375, 438, 500};
    return bits * thousandths[i] / 1000;
}

// A root page: statistics (of the first root page only), the next root page, and references: first to all
// leaf pages, then to all segment pages, then to all code pages.
struct Root {
    TierStatistics statistics;
    PageRef next;  // block 0: none
    uint32 leaf_pages;
    uint32 segment_pages;
};
constexpr int kRefsPerPage =
    (kPageEnd - kCodesOffset - static_cast<int>(sizeof(Root))) / static_cast<int>(sizeof(PageRef));
inline Root *page_root(Page page) {
    return reinterpret_cast<Root *>(page + kCodesOffset);
}
inline PageRef *root_refs(Page page) {
    return reinterpret_cast<PageRef *>(page_root(page) + 1);
}

// Calls `visit` for every page of the tier, root pages included, with its kind as the root pages tell it.
// ERROR (index_corrupted) where the chain of root pages does not hold what the tier says.
using RefVisitor = void (*)(PageRef ref, PageKind kind, void *state);
void visit_tier_pages(Relation index, const Tier &tier, RefVisitor visit, void *state);

TierStatistics read_statistics(Relation index, const Tier &tier);

// One tier's part of a directory that is in memory.
struct TierDirectory {
    const Tier *tier;
    PageRef *leaf_pages;
    PageRef *segment_pages;
    uint32 leaf_pages_count;
    uint32 segment_pages_count;
    uint32 first_leaf;   // number of its first leaf among those of all tiers
    Segment **segments;  // of each segment page, once it was read
};

// The leaves of all tiers, with what a scan needs of each; segments are read when they are asked for.
struct Directory {
    Relation index;
    MemoryContext context;
    int words;
    int bits;
    int tiers_count;
    TierDirectory tiers[kMaxTiers];
    uint32 leaves;
    uint64 segments;
    uint16 *rmin;
    uint16 *rmax;
    uint32 *first_segment;  // in the leaf's tier
    uint32 *entries;
};

// Reads the leaves of `meta`'s tiers into the current memory context, and the distance of each leaf's
// centroid to each of the queries into distances[query][leaf], allocated too.
void load_directory(Relation index, const Meta &meta, const uint64 *const *queries, int queries_count,
                    Directory *directory, uint16 **distances);

// What a leaf can hold, given the distance of its centroid: no code nearer than this.
inline int lower_bound(int distance, int rmin, int rmax) {
    return Max(Max(distance - rmax, rmin - distance), 0);
}

// The tier that a leaf belongs to.
const TierDirectory &tier_of_leaf(const Directory &directory, uint32 leaf);
// How many segments a leaf has.
uint32 segments_of_leaf(const Directory &directory, uint32 leaf);

// Calls `visit` for each segment of the leaf. Pages of segments are copied when they are first needed, into
// the context of the directory: the leaves of a level come from few pages.
using SegmentVisitor = void (*)(const Segment &segment, void *state);
void visit_segments(const Directory &directory, uint32 leaf, SegmentVisitor visit, void *state);

}  // namespace imagehash::index
