// Goes through the codes of tiers that have been written twice: for the queries, which are some of the
// codes, then for their neighbors. Dead entries count as rows: what they were is not unlike what is there.
#include "index/maintain/remeasure.h"

#include "index/store/leaf_reader.h"

namespace imagehash::index {

constexpr int kRowsLookedAt = 64;
constexpr int kUnlikeFraction = 8;
static_assert(kRowsLookedAt <= kRecallQueries, "the sample has no room");

bool rows_are_unlike(const TierImage &tier, int bits, const uint64 *rows, int64 count, int stride) {
    if (count == 0) return false;
    RecallSample *sample = make_recall_sample(tier.words, bits);
    const auto looked_at = static_cast<int>(Min(count, kRowsLookedAt));
    for (int i = 0; i < looked_at; i++) add_recall_query(sample, rows + count * i / looked_at * stride);
    QueryPlace places[kRecallQueries];
    place_queries(*sample, tier.centroids, tier.directory->entries, tier.tier.leaves, places);
    int unlike = 0;
    for (int i = 0; i < looked_at; i++) unlike += places[i].near > tier.directory->statistics.reach.farthest;
    pfree(sample);
    return unlike * kUnlikeFraction > looked_at;
}

// --- the way through what is written ----------------------------------------------------------------

namespace {

struct Codes {
    const TierWriter *writer;
    PageCopy copy;
};

// Codes of a leaf that follow each other on a page, few enough that their radii are close together.
struct Stretch {
    PageRef page;
    int start, count;
    int rmin, rmax;
};
constexpr uint32 kGroupsOfStretch = 16;

// With the centroid of the stretch's leaf.
using StretchTask = void (*)(Codes *codes, const Stretch &stretch, const uint64 *centroid, void *state);

}  // namespace

static const uint64 *load_codes(Codes *codes, const Stretch &stretch) {
    return copy_codes(codes->writer->index, stretch.page, codes->writer->words, stretch.start + stretch.count,
                      &codes->copy);
}

static void for_each_of_leaf(Codes *codes, const LeafRow &leaf, const int16 *radii, const uint64 *centroid,
                             StretchTask task, void *state) {
    const auto per_page = static_cast<uint32>(groups_per_page(codes->writer->words));
    const uint32 groups = groups_for(leaf.entries);
    for (uint32 g = 0, end; g < groups; g = end) {
        const uint32 place = (leaf.first_group + g) % per_page;
        end = Min(g + Min(kGroupsOfStretch, per_page - place), groups);
        const uint32 stop = Min(end * hamming::kBlock, leaf.entries);
        const Stretch stretch = {codes->writer->code_pages.refs[(leaf.first_group + g) / per_page],
                                 static_cast<int>(place * hamming::kBlock),
                                 static_cast<int>(stop - g * hamming::kBlock), radii[g],
                                 rmax_of_group(radii, groups, end - 1, leaf.rmax)};
        task(codes, stretch, centroid, state);
    }
}

static void for_each_stretch(const TierWriter &writer, StretchTask task, void *state) {
    Codes codes;
    codes.writer = &writer;
    codes.copy.block = InvalidBlockNumber;
    const int16 *radii = writer.radii;
    for (uint32 l = 0; l < writer.written_leaves; l++) {
        const LeafRow &leaf = writer.leaf_rows[l];
        for_each_of_leaf(&codes, leaf, radii, writer.written_centroids + static_cast<Size>(l) * writer.words,
                         task, state);
        radii += groups_for(leaf.entries);
    }
}

// --- queries and neighbors --------------------------------------------------------------------------

namespace {

struct QueryDraw {
    RecallSample *sample;
    int64 step;
    int64 seen;  // rows
};

}  // namespace

// One of each `step` rows.
static void draw_queries(Codes *codes, const Stretch &stretch, const uint64 * /* centroid */, void *state) {
    auto draw = static_cast<QueryDraw *>(state);
    const int64 before = draw->seen;
    draw->seen += stretch.count;
    int64 next = before / draw->step * draw->step + draw->step / 2;
    if (next < before) next += draw->step;
    for (; next < draw->seen && draw->sample->count < kRecallQueries; next += draw->step) {
        uint64 code[kMaxWords];
        load_code(load_codes(codes, stretch), codes->writer->words,
                  stretch.start + static_cast<int>(next - before), code);
        add_recall_query(draw->sample, code);
    }
}

namespace {

struct NeighborSearch {
    RecallSample *sample;
    const uint64 *centroid;            // of the leaf that is looked at
    uint16 distances[kRecallQueries];  // to it
};

}  // namespace

// Where the stretch can have neighbors.
static void find_neighbors(Codes *codes, const Stretch &stretch, const uint64 *centroid, void *state) {
    auto search = static_cast<NeighborSearch *>(state);
    RecallSample *sample = search->sample;
    if (search->centroid != centroid) query_distances(*sample, centroid, &search->distances);
    search->centroid = centroid;
    hamming::Hit hits[kMaxEntries];
    const int words = codes->writer->words;
    const uint64 *start = load_codes(codes, stretch) + stretch.start * words;
    for (int q = 0; q < sample->count; q++) {
        int within = neighbors_within(*sample, q);
        const int to_centroid = search->distances[q];
        if (lower_bound(to_centroid, stretch.rmin, stretch.rmax) > within) continue;
        const size_t found =
            hamming::best_kernel().scan(start, stretch.count, words, recall_query(*sample, q), within, hits);
        for (size_t h = 0; h < found; h++)
            if (hits[h].distance <= within) within = keep_neighbor(sample, q, hits[h].distance, to_centroid);
    }
}

RecallReach measure_reach(const TierWriter &largest, const TierWriter &smaller, int bits) {
    RecallSample *sample = make_recall_sample(largest.words, bits);
    QueryDraw draw = {sample, Max((largest.entries + smaller.entries) / kRecallQueries, INT64CONST(1)), 0};
    for_each_stretch(largest, draw_queries, &draw);
    for_each_stretch(smaller, draw_queries, &draw);
    NeighborSearch search = {sample, nullptr, {}};
    for_each_stretch(largest, find_neighbors, &search);
    for_each_stretch(smaller, find_neighbors, &search);
    RecallReach reach = measured_reach(*sample, largest);
    pfree(sample);
    return reach;
}

}  // namespace imagehash::index
