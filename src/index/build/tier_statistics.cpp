// Queries are codes of the index. A query that comes from outside has no near copies there, so those of a
// query are left out of what a search for the k nearest reads, and of what finds the ten nearest.
//
// For each query the distances to all rows are counted, which gives the distance of the k-th neighbor and
// the rows within a radius; with the directory, that gives the codes and pages whose bound such a search
// reaches. The leaves of the ten nearest rows tell how far an approximate scan must go: it reads the leaves
// nearest to the query first.
#include "index/build/tier_statistics.h"

#include <algorithm>

#include "pg/value/ball.h"

extern "C" {
#include "utils/memutils.h"
}

namespace imagehash::index {

constexpr int kQueries = 96;
constexpr int kNearestKept = 10;
constexpr int kRanks[kRankSteps] = {1, 10, 100, 1000};

namespace {

struct Neighbor {
    int distance;
    uint32 leaf;
};

}  // namespace

struct StatisticsSample {
    int words;
    int bits;
    int64 rows;
    int count;  // of queries
    uint64 *codes;
    int64 *histograms;    // [query][distance]
    Neighbor *neighbors;  // [query][nearest_kept], nearest first, without near copies
    int *neighbors_count;
};

// Up to which a code counts as a near copy: that of the operator ~=.
static int copy_distance(int bits) {
    return pg::similar_radius(bits);
}

// Sets the arrays to their places behind the structure; returns the size of all.
static Size place_arrays(StatisticsSample *sample) {
    char *start = reinterpret_cast<char *>(sample);
    Size size = MAXALIGN(sizeof(StatisticsSample));
    sample->codes = reinterpret_cast<uint64 *>(start + size);
    size += sizeof(uint64) * kQueries * sample->words;
    sample->histograms = reinterpret_cast<int64 *>(start + size);
    size += sizeof(int64) * kQueries * (sample->bits + 1);
    sample->neighbors = reinterpret_cast<Neighbor *>(start + size);
    size += sizeof(Neighbor) * kQueries * kNearestKept;
    sample->neighbors_count = reinterpret_cast<int *>(start + size);
    return size + sizeof(int) * kQueries;
}

static StatisticsSample *make_statistics(int words, int bits) {
    StatisticsSample head = {};
    head.words = words;
    head.bits = bits;
    auto sample = static_cast<StatisticsSample *>(palloc0(place_arrays(&head)));
    *sample = head;
    place_arrays(sample);
    return sample;
}

Size statistics_size(const StatisticsSample *sample) {
    StatisticsSample head = *sample;
    return place_arrays(&head);
}

StatisticsSample *place_statistics(void *copy) {
    auto sample = static_cast<StatisticsSample *>(copy);
    place_arrays(sample);
    return sample;
}

StatisticsSample *start_statistics(RowStore *rows, int bits) {
    StatisticsSample *sample = make_statistics(rows->words, bits);
    auto row = static_cast<uint64 *>(palloc(1024 * row_size(rows->words)));
    int64 step = Max(rows->count / kQueries, INT64CONST(1)), seen = 0;
    int count;
    rewind_rows(rows);
    while (sample->count < kQueries && (count = next_rows(rows, row, 1024)) > 0) {
        for (int i = 0; i < count && sample->count < kQueries; i++, seen++)
            if (seen % step == step / 2)
                memcpy(sample->codes + sample->count++ * rows->words, row + i * (rows->words + 1),
                       rows->words * sizeof(uint64));
    }
    pfree(row);
    return sample;
}

static void keep_neighbor(StatisticsSample *sample, int q, int distance, uint32 leaf) {
    Neighbor *kept = sample->neighbors + q * kNearestKept;
    int *count = &sample->neighbors_count[q];
    if (*count == kNearestKept && distance >= kept[kNearestKept - 1].distance) return;
    int i = *count < kNearestKept ? (*count)++ : kNearestKept - 1;
    for (; i > 0 && kept[i - 1].distance > distance; i--) kept[i] = kept[i - 1];
    kept[i] = {distance, leaf};
}

void add_to_statistics(StatisticsSample *sample, const uint64 *codes, int count,
                       const hamming::Assignment *assignments) {
    const int words = sample->words;
    const int blocks = (count + hamming::kBlock - 1) / hamming::kBlock;
    auto blocked = static_cast<uint64 *>(palloc0(sizeof(uint64) * blocks * hamming::kBlock * words));
    auto distances = static_cast<uint16 *>(palloc(sizeof(uint16) * blocks * hamming::kBlock));
    for (int i = 0; i < count; i++) store_code(blocked, words, i, codes + i * words);
    for (int q = 0; q < sample->count; q++) {
        hamming::best_kernel().distances(blocked, count, words, sample->codes + q * words, distances);
        int64 *histogram = sample->histograms + q * (sample->bits + 1);
        const Neighbor *last = sample->neighbors + (q + 1) * kNearestKept - 1;
        for (int i = 0; i < count; i++) {
            int d = Min(static_cast<int>(distances[i]), sample->bits);
            histogram[d]++;
            if (d <= copy_distance(sample->bits)) continue;
            if (sample->neighbors_count[q] < kNearestKept || d < last->distance)
                keep_neighbor(sample, q, d, assignments[i].leaf);
        }
    }
    sample->rows += count;
    pfree(distances);
    pfree(blocked);
}

void merge_statistics(StatisticsSample *sample, const StatisticsSample *other) {
    sample->rows += other->rows;
    for (int i = 0; i < kQueries * (sample->bits + 1); i++) sample->histograms[i] += other->histograms[i];
    for (int q = 0; q < sample->count; q++)
        for (int i = 0; i < other->neighbors_count[q]; i++) {
            const Neighbor &neighbor = other->neighbors[q * kNearestKept + i];
            keep_neighbor(sample, q, neighbor.distance, neighbor.leaf);
        }
}

// Distances of a query to the centroids, a pass over the directory in memory.
static int distance_to(const uint64 *centroids, uint32 leaf, int words, const uint64 *query) {
    return hamming::distance(reinterpret_cast<const uint8_t *>(centroids + static_cast<Size>(leaf) * words),
                             reinterpret_cast<const uint8_t *>(query), words * 8);
}

// reached[r]: codes, or pages of codes, whose bound is at most r.
static void count_reach(const TierWriter &writer, const uint64 *query, int bits, double *codes,
                        double *pages) {
    const int64 all_pages = writer.code_pages.count;
    auto page_bound = static_cast<uint16 *>(palloc(sizeof(uint16) * Max(all_pages, INT64CONST(1))));
    std::fill(page_bound, page_bound + all_pages, UINT16_MAX);
    std::fill(codes, codes + bits + 1, 0.0);
    std::fill(pages, pages + bits + 1, 0.0);
    const int16 *radii = writer.radii;
    for (uint32 l = 0; l < writer.written_leaves; l++) {
        const LeafRow &leaf = writer.leaf_rows[l];
        const uint32 groups = groups_for(leaf.entries);
        const int d = distance_to(writer.written_centroids, l, writer.words, query);
        for (uint32 g = 0; g < groups; g++) {
            const int rmax = g + 1 < groups ? radii[g + 1] : leaf.rmax;
            const int bound = Min(lower_bound(d, radii[g], rmax), bits);
            codes[bound] += Min(leaf.entries - g * hamming::kBlock, static_cast<uint32>(hamming::kBlock));
            uint16 *page = &page_bound[(leaf.first_group + g) / writer.groups_per_page];
            *page = static_cast<uint16>(Min(*page, bound));
        }
        radii += groups;
    }
    for (int64 p = 0; p < all_pages; p++)
        if (page_bound[p] <= bits) pages[page_bound[p]] += 1;
    for (int r = 1; r <= bits; r++) {
        codes[r] += codes[r - 1];
        pages[r] += pages[r - 1];
    }
    pfree(page_bound);
}

static void add_query(StatisticsSample *sample, int q, const TierWriter &writer, double *codes, double *pages,
                      TierStatistics *statistics) {
    const int bits = sample->bits;
    const double share = 1.0 / sample->count;
    const double rows = static_cast<double>(sample->rows);
    const double all_pages = static_cast<double>(Max(writer.code_pages.count, INT64CONST(1)));
    count_reach(writer, sample->codes + q * sample->words, bits, codes, pages);
    int64 *within = sample->histograms + q * (bits + 1);
    for (int d = 1; d <= bits; d++) within[d] += within[d - 1];
    const int64 copies = within[copy_distance(bits)];  // the query itself is one
    for (int k = 0; k < kRankSteps; k++) {
        const int64 left_out = within[bits] - copies < kRanks[k] ? 1 : copies;  // where there is little else
        int d = 0;
        while (d < bits && within[d] < kRanks[k] + left_out) d++;
        statistics->codes_at_rank[k] += static_cast<float>(share * codes[d] / rows);
        statistics->pages_at_rank[k] += static_cast<float>(share * pages[d] / all_pages);
    }
    for (int i = 0; i < kRadiusSteps; i++) {
        int r = radius_step(i, bits);
        statistics->rows_in_radius[i] +=
            static_cast<float>(share * static_cast<double>(within[r] - 1) / rows);
        statistics->codes_in_radius[i] += static_cast<float>(share * codes[r] / rows);
        statistics->pages_in_radius[i] += static_cast<float>(share * pages[r] / all_pages);
    }
}

// The share of codes that an approximate scan has read when it has read the leaf; of each kept neighbor.
static int64 count_needed(const StatisticsSample *sample, int q, const uint64 *centroids, uint32 leaves,
                          const int64 *leaf_counts, float *needed) {
    int64 at_distance[pg::kMaxBits + 1] = {};
    const uint64 *query = sample->codes + q * sample->words;
    for (uint32 l = 0; l < leaves; l++)
        at_distance[distance_to(centroids, l, sample->words, query)] += leaf_counts[l];
    for (int d = 1; d <= pg::kMaxBits; d++) at_distance[d] += at_distance[d - 1];
    int64 count = 0;
    for (int i = 0; i < sample->neighbors_count[q]; i++) {
        uint32 leaf = sample->neighbors[q * kNearestKept + i].leaf;
        int d = distance_to(centroids, leaf, sample->words, query);
        needed[count++] =
            static_cast<float>(static_cast<double>(at_distance[d]) / static_cast<double>(sample->rows));
    }
    return count;
}

static void set_recall(const StatisticsSample *sample, const TierWriter &writer, const uint64 *centroids,
                       uint32 leaves, TierStatistics *statistics) {
    auto needed = static_cast<float *>(palloc(sizeof(float) * kQueries * kNearestKept));
    int64 count = 0;
    for (int q = 0; q < sample->count; q++)
        count += count_needed(sample, q, centroids, leaves, writer.leaf_counts, needed + count);
    std::sort(needed, needed + count);
    for (int i = 0; i < kRecallSteps; i++) {
        // A quarter of what may be missed is kept back for the error of the sample.
        double target = 1 - (1 - kRecallTargets[i]) * 0.75;
        auto place = static_cast<int64>(target * static_cast<double>(count));
        statistics->codes_for_recall[i] = place < count && kRecallTargets[i] < 1 ? needed[place] : 1;
    }
    pfree(needed);
}

TierStatistics finish_statistics(StatisticsSample *sample, const TierWriter &writer, const uint64 *centroids,
                                 uint32 leaves) {
    TierStatistics statistics;
    memset(&statistics, 0, sizeof statistics);
    auto codes = static_cast<double *>(palloc(sizeof(double) * (sample->bits + 1)));
    auto pages = static_cast<double *>(palloc(sizeof(double) * (sample->bits + 1)));
    for (int q = 0; q < sample->count; q++) {
        CHECK_FOR_INTERRUPTS();
        add_query(sample, q, writer, codes, pages, &statistics);
    }
    set_recall(sample, writer, centroids, leaves, &statistics);
    return statistics;
}

TierStatistics flat_statistics() {
    TierStatistics statistics;
    memset(&statistics, 0, sizeof statistics);
    for (int i = 0; i < kRankSteps; i++) statistics.codes_at_rank[i] = statistics.pages_at_rank[i] = 1;
    for (int i = 0; i < kRadiusSteps; i++) statistics.codes_in_radius[i] = statistics.pages_in_radius[i] = 1;
    for (int i = 0; i < kRecallSteps; i++) statistics.codes_for_recall[i] = 1;
    return statistics;
}

}  // namespace imagehash::index
