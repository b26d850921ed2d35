// How far an approximate scan must go to find a share of the nearest rows: measured with some codes of the
// index as queries, and the rows nearest to each.
//
// A scan reads the leaves that are at most the reach beyond the query's home (directory.h). So each nearest
// row says which reach finds it: how much farther than the home its leaf's centroid is. A query that comes
// from outside has no near copies in the index, so those of a query are left out. Nor has it a row of its
// own, which draws the nearest centroid closer: hence the home, which several leaves make up.
#pragma once

#include "index/build/tier_writer.h"

namespace imagehash::index {

constexpr int kRecallQueries = 192;
constexpr int kNeighborsKept = 100;

struct Neighbor {
    uint16 distance;
    uint16 centroid_distance;  // of its leaf, to the query
};

struct RecallSample {
    int words;
    int bits;
    int count;            // of queries
    uint64 *codes;        // of the queries, row-major
    uint64 *blocked;      // the same, as the kernels read codes
    Neighbor *neighbors;  // [query][kNeighborsKept], nearest first
    int *neighbors_count;
};

// Sets the arrays to their places in `memory`; returns the size of all. Words and bits are set.
Size place_recall_sample(RecallSample *sample, char *memory);

RecallSample *make_recall_sample(int words, int bits);
void add_recall_query(RecallSample *sample, const uint64 *code);
inline const uint64 *recall_query(const RecallSample &sample, int q) {
    return sample.codes + q * sample.words;
}

// The distances of all queries to a code.
void query_distances(const RecallSample &sample, const uint64 *code, uint16 (*distances)[kRecallQueries]);

// Where the queries lie among leaves, centroids row-major.
void place_queries(const RecallSample &sample, const uint64 *centroids, const uint32 *entries, uint32 count,
                   QueryPlace *places);

// Up to which a code counts as a near copy of another: that of the operator ~=.
int recall_copy_distance(int bits);

// Rows at most this far from the query are to be shown to keep_neighbor().
int neighbors_within(const RecallSample &sample, int q);
// Returns neighbors_within() from then on. `to_centroid`: from the query to the centroid of the row's leaf.
int keep_neighbor(RecallSample *sample, int q, int distance, int to_centroid);
// Adds what another sample with the same queries has kept of other rows.
void merge_neighbors(RecallSample *sample, const RecallSample &other);

// What the sample says once all rows have been shown; `tier` has the leaves by which scans place queries.
RecallReach measured_reach(const RecallSample &sample, const TierWriter &tier);

// Where nothing is known: scans read everything.
RecallReach unknown_reach();
bool reach_is_unknown(const RecallReach &reach);

}  // namespace imagehash::index
