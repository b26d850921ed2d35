// The directory of a tier: its leaves, each a centroid with the codes near it, and where those codes lie.
//
// A leaf's codes are ordered by radius, their distance to the centroid, and lie in groups of eight, one after
// another through the tier's code pages; the last group is filled up with zeros. Their TIDs lie in the same
// order, without gaps, on the tier's TID pages. The directory has the least radius of each group, so with
// those of its neighbor and of the leaf it is known how near to a query a group can be. The triangle
// inequality bounds what a leaf or a group can hold: with D = d(query, centroid), no code in it is nearer to
// the query than max(D - rmax, rmin - D, 0), and none is farther than D + rmax.
//
// Groups and TIDs of a tier are numbered through its pages as if all pages were full, so that a number is a
// page and a place on it; where pages are not full there are numbers that no leaf has.
#pragma once

#include "index/store/meta.h"

namespace imagehash::index {

// Pages that so many things fill.
inline uint32 pages_for(uint64 things, int per_page) {
    return static_cast<uint32>((things + per_page - 1) / per_page);
}
inline uint32 groups_for(uint64 codes) {
    return pages_for(codes, hamming::kBlock);
}

// Centroid pages have the centroids, blocked by eight as codes are, then what belongs to each.
struct LeafColumns {
    uint32 *entries;
    uint32 *first_group;
    uint32 *first_tid;
    uint16 *rmin;
    uint16 *rmax;
};
constexpr int leaf_capacity(int words) {
    return blocks_of_eight(words * static_cast<int>(sizeof(uint64)) + 2 * static_cast<int>(sizeof(uint16)) +
                           3 * static_cast<int>(sizeof(uint32))) *
           hamming::kBlock;
}
LeafColumns leaf_columns(Page page, int words);

// Radius pages have the least radius of each group, in the order of leaves and groups.
constexpr int kRadiiPerPage = (kPageEnd - kCodesOffset) / static_cast<int>(sizeof(int16));

// How far an approximate scan goes, measured with codes of the index as queries (build/recall_sample.h). By
// the distances of centroids, a query has a near distance, within which leaves hold kNearRows, and a home,
// within which they hold kHomeRows. The scan reads the leaves that are at most the reach beyond the home.
// Queries that have few rows near them need another reach than others: strata by the near distance, of equal
// size.
constexpr int64 kNearRows = 16;
constexpr int64 kHomeRows = 256;
constexpr int kRecallSteps = 8;
constexpr double kRecallTargets[kRecallSteps] = {0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 1.0};
constexpr int kRecallStrata = 4;
constexpr int kRecallRanks = 2;  // the 10 nearest, the 100 nearest
constexpr uint16 kReachesAll = UINT16_MAX;
struct RecallReach {
    uint16 begins[kRecallStrata];  // near distance from which on a query belongs to the stratum
    uint16 farthest;               // the largest near distance that was measured
    uint16 of[kRecallRanks][kRecallStrata][kRecallSteps];  // which holds kRecallTargets
    uint16 unused;
};

// Where a query lies among the centroids.
struct QueryPlace {
    int near;
    int home;
};
// `held`: rows of the leaves whose centroids are at that distance, up to `bits`.
QueryPlace place_of_query(const int64 *held, int bits);

// What the planner is told; measured when the tier was built, with codes of the index as queries.
constexpr int kRankSteps = 4;  // k = 1, 10, 100, 1000
constexpr int kRadiusSteps = 16;
struct TierStatistics {
    float codes_at_rank[kRankSteps];      // share of the codes whose bound reaches the k-th neighbor
    float pages_at_rank[kRankSteps];      // share of the pages with such codes
    float rows_in_radius[kRadiusSteps];   // share of the rows within radius_step(i)
    float codes_in_radius[kRadiusSteps];  // share of the codes whose bound is within it
    float pages_in_radius[kRadiusSteps];  // share of the pages with such codes
    RecallReach reach;                    // measured anew where merges bring in many rows
};
// Radii for which there are statistics: fractions of the length, denser where near-duplicates are.
inline int radius_step(int i, int bits) {
    static const int thousandths[kRadiusSteps] = {0,   16,  32,  63,  94,  125, 157, 188,
                                                  219, 250, 282, 313, 344, 375, 438, 500};
    return bits * thousandths[i] / 1000;
}

// A tier root page: statistics (of the first one only), the next one, and references to all centroid pages,
// radius pages, code pages and TID pages, in this order.
struct Root {
    TierStatistics statistics;
    PageRef next;  // block 0: none
    uint32 centroid_pages;
    uint32 radius_pages;  // 0: the codes of a leaf are in no order, and groups have no bounds
};
constexpr int kRefsPerPage =
    (kPageEnd - kCodesOffset - static_cast<int>(sizeof(Root))) / static_cast<int>(sizeof(PageRef));
inline Root *page_root(Page page) {
    return reinterpret_cast<Root *>(page + kCodesOffset);
}
inline PageRef *root_refs(Page page) {
    return reinterpret_cast<PageRef *>(page_root(page) + 1);
}

// Calls `visit` for every page of the tier, tier root pages included, with its kind as those tell it.
// ERROR (index_corrupted) where the chain of tier root pages does not hold what the tier says.
using RefVisitor = void (*)(PageRef ref, PageKind kind, void *state);
void visit_tier_pages(Relation index, const Tier &tier, RefVisitor visit, void *state);

TierStatistics read_statistics(Relation index, const Tier &tier);

// A tier's directory in memory, all checked.
struct TierDirectory {
    MemoryContext context;  // holds all of it
    Size bytes;
    uint64 id;  // of the tier
    int words;
    int bits;
    uint32 leaves;
    uint32 groups;
    TierStatistics statistics;
    uint64 *centroids;  // in blocks of eight
    int16 *rmin;
    int16 *rmax;
    uint32 *entries;
    uint32 *first_group;   // of the tier's groups as its pages have them
    uint32 *first_radius;  // of each leaf, and the end of the last
    uint32 *first_tid;
    int16 *radii;  // null where groups have no bounds
    PageRef *code_pages;
    PageRef *tid_pages;

    // The backend's cache of directories has it while somebody uses it.
    int users;
    TierDirectory *next;
};

// A leaf's groups, numbered from 0.
inline uint32 groups_of_leaf(const TierDirectory &directory, uint32 leaf) {
    return groups_for(directory.entries[leaf]);
}

// Reads the tier's leaves into a memory context of their own, a child of the current one. ERROR
// (index_corrupted) unless all of them are in order.
TierDirectory *load_tier(Relation index, const Tier &tier, int words, int bits);

// One tier of a directory.
struct TierView {
    const Tier *tier;
    TierDirectory *leaves;
    uint32 first_leaf;  // number of its first leaf among those of all tiers
};

// The leaves of all tiers, numbered through.
struct Directory {
    Relation index;
    int tiers_count;
    TierView tiers[kMaxTiers];
    uint32 leaves;
};

// Where directories come from: load_tier(), or cached_tier() of directory_cache.h.
using TierSource = TierDirectory *(*)(Relation index, const Tier &tier, int words, int bits);

// Puts the directories of `meta`'s tiers together.
void make_directory(Relation index, const Meta &meta, TierSource source, Directory *directory);

// The distances of all centroids to a query; room for blocks of eight at the end of each tier.
void centroid_distances(const Directory &directory, const uint64 *query, uint16 *distances);

// What a leaf or a group can hold, given the distance of its centroid: no code nearer than this.
inline int lower_bound(int distance, int rmin, int rmax) {
    return Max(Max(distance - rmax, rmin - distance), 0);
}

// The greatest radius that a code of a group can have, given the least ones of the leaf's groups and the
// leaf's greatest: the next group's least is not below it.
inline int rmax_of_group(const int16 *radii, uint32 groups, uint32 group, int rmax_of_leaf) {
    return group + 1 < groups ? radii[group + 1] : rmax_of_leaf;
}

// The number of the tier that a leaf belongs to.
int tier_of_leaf(const Directory &directory, uint32 leaf);

}  // namespace imagehash::index
