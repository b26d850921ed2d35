#include "index/build/recall_sample.h"

#include <algorithm>

#include "pg/value/ball.h"

namespace imagehash::index {

constexpr int kRanks[kRecallRanks] = {10, kNeighborsKept};
// Of what may be missed this share is kept back, for the error of the sample.
constexpr double kReserve = 0.25;

Size place_recall_sample(RecallSample *sample, char *memory) {
    Size size = 0;
    sample->codes = reinterpret_cast<uint64 *>(memory);
    size += sizeof(uint64) * kRecallQueries * sample->words;
    sample->blocked = reinterpret_cast<uint64 *>(memory + size);
    size += sizeof(uint64) * kRecallQueries * sample->words;
    sample->neighbors = reinterpret_cast<Neighbor *>(memory + size);
    size += sizeof(Neighbor) * kRecallQueries * kNeighborsKept;
    sample->neighbors_count = reinterpret_cast<int *>(memory + size);
    return size + sizeof(int) * kRecallQueries;
}

RecallSample *make_recall_sample(int words, int bits) {
    RecallSample head = {};
    head.words = words;
    head.bits = bits;
    auto memory = static_cast<char *>(
        palloc0(MAXALIGN(sizeof head) + place_recall_sample(&head, reinterpret_cast<char *>(&head))));
    place_recall_sample(&head, memory + MAXALIGN(sizeof head));
    auto sample = reinterpret_cast<RecallSample *>(memory);
    *sample = head;
    return sample;
}

void add_recall_query(RecallSample *sample, const uint64 *code) {
    const int q = sample->count++;
    memcpy(sample->codes + q * sample->words, code, sample->words * sizeof(uint64));
    store_code(sample->blocked, sample->words, q, code);
}

void query_distances(const RecallSample &sample, const uint64 *code, uint16 (*distances)[kRecallQueries]) {
    static_assert(kRecallQueries % hamming::kBlock == 0, "the kernel writes whole blocks");
    hamming::best_kernel().distances(sample.blocked, sample.count, sample.words, code, *distances);
}

void place_queries(const RecallSample &sample, const uint64 *centroids, const uint32 *entries, uint32 count,
                   QueryPlace *places) {
    const Size levels = sample.bits + 1;
    auto held = static_cast<int64 *>(palloc0(sizeof(int64) * levels * sample.count));  // [query][distance]
    uint16 distances[kRecallQueries];
    for (uint32 l = 0; l < count; l++) {
        query_distances(sample, centroids + static_cast<Size>(l) * sample.words, &distances);
        for (int q = 0; q < sample.count; q++) held[q * levels + distances[q]] += entries[l];
    }
    for (int q = 0; q < sample.count; q++) places[q] = place_of_query(held + q * levels, sample.bits);
    pfree(held);
}

int recall_copy_distance(int bits) {
    return pg::similar_radius(bits);
}

int neighbors_within(const RecallSample &sample, int q) {
    if (sample.neighbors_count[q] < kNeighborsKept) return sample.bits;
    return sample.neighbors[(q + 1) * kNeighborsKept - 1].distance - 1;
}

static void insert_neighbor(RecallSample *sample, int q, Neighbor neighbor) {
    if (neighbor.distance > neighbors_within(*sample, q)) return;
    Neighbor *kept = sample->neighbors + q * kNeighborsKept;
    int *count = &sample->neighbors_count[q];
    if (*count < kNeighborsKept) (*count)++;
    Neighbor *end = kept + *count - 1;
    Neighbor *place = std::upper_bound(
        kept, end, neighbor, [](const Neighbor &a, const Neighbor &b) { return a.distance < b.distance; });
    memmove(place + 1, place, (end - place) * sizeof(Neighbor));
    *place = neighbor;
}

int keep_neighbor(RecallSample *sample, int q, int distance, int to_centroid) {
    if (distance > recall_copy_distance(sample->bits))
        insert_neighbor(sample, q, {static_cast<uint16>(distance), static_cast<uint16>(to_centroid)});
    return neighbors_within(*sample, q);
}

void merge_neighbors(RecallSample *sample, const RecallSample &other) {
    for (int q = 0; q < sample->count; q++)
        for (int i = 0; i < other.neighbors_count[q]; i++)
            insert_neighbor(sample, q, other.neighbors[q * kNeighborsKept + i]);
}

// --- the reach ------------------------------------------------------------------------------------

namespace {

struct Query {
    int number;
    QueryPlace place;
};

}  // namespace

// For the `rank` nearest of each of the queries.
static void set_reach(const RecallSample &sample, const Query *queries, int count, int rank, uint16 *reach) {
    auto needed = static_cast<uint16 *>(palloc(sizeof(uint16) * kRecallQueries * kNeighborsKept));
    int found = 0;
    for (int i = 0; i < count; i++) {
        const int q = queries[i].number;
        for (int n = 0; n < Min(rank, sample.neighbors_count[q]); n++) {
            const int farther =
                sample.neighbors[q * kNeighborsKept + n].centroid_distance - queries[i].place.home;
            needed[found++] = static_cast<uint16>(Max(farther, 0));
        }
    }
    std::sort(needed, needed + found);
    for (int step = 0; step < kRecallSteps; step++) {
        const double target = 1 - (1 - kRecallTargets[step]) * (1 - kReserve);
        const auto place = static_cast<int>(target * found);
        reach[step] = place < found && kRecallTargets[step] < 1 ? needed[place] : kReachesAll;
    }
    pfree(needed);
}

RecallReach measured_reach(const RecallSample &sample, const TierWriter &tier) {
    const int count = sample.count;
    if (count < kRecallStrata) return unknown_reach();
    QueryPlace places[kRecallQueries];
    auto entries =
        static_cast<uint32 *>(palloc_extended(sizeof(uint32) * tier.written_leaves, MCXT_ALLOC_HUGE));
    for (uint32 l = 0; l < tier.written_leaves; l++) entries[l] = tier.leaf_rows[l].entries;
    place_queries(sample, tier.written_centroids, entries, tier.written_leaves, places);
    pfree(entries);
    Query queries[kRecallQueries];
    for (int q = 0; q < count; q++) queries[q] = {q, places[q]};
    std::sort(queries, queries + count,
              [](const Query &a, const Query &b) { return a.place.near < b.place.near; });
    RecallReach reach = {};
    reach.farthest = static_cast<uint16>(queries[count - 1].place.near);
    int begin = 0;
    for (int s = 0; s < kRecallStrata; s++) {
        // Distances are few: queries at the one where two strata meet belong to the farther stratum.
        int end = count;
        if (s + 1 < kRecallStrata) {
            end = count * (s + 1) / kRecallStrata;
            while (end > begin && queries[end - 1].place.near == queries[end].place.near) end--;
        }
        reach.begins[s] = static_cast<uint16>(begin == 0 ? 0 : queries[begin].place.near);
        for (int r = 0; r < kRecallRanks; r++)
            set_reach(sample, queries + begin, end - begin, kRanks[r], reach.of[r][s]);
        begin = end;
    }
    return reach;
}

RecallReach unknown_reach() {
    RecallReach reach = {};
    std::fill_n(&reach.of[0][0][0], sizeof reach.of / sizeof(uint16), kReachesAll);
    return reach;
}

bool reach_is_unknown(const RecallReach &reach) {
    return reach.of[0][0][0] == kReachesAll && reach.of[0][kRecallStrata - 1][0] == kReachesAll;
}

}  // namespace imagehash::index
