// Queries are codes of the index. A query that comes from outside has no near copies there, so those of a
// query are left out of what a search for the k nearest reads.
//
// For every other query the distances to all rows are counted, which gives the distance of the k-th neighbor
// and the rows within a radius; with the directory, that gives the codes and pages whose bound such a search
// reaches. All queries' nearest rows are found, from which recall_sample.h knows the reach of approximate
// scans.
#include "index/build/tier_statistics.h"

#include <algorithm>

#include "index/build/recall_sample.h"

namespace imagehash::index {

constexpr int kRanks[kRankSteps] = {1, 10, 100, 1000};

// Of the queries those with even numbers.
constexpr int kCountedQueries = kRecallQueries / 2;

struct StatisticsSample {
    int words;
    int bits;
    int64 rows;
    RecallSample queries;
    int64 *histograms;  // [counted query][distance]
};

// Sets the arrays to their places behind the structure; returns the size of all.
static Size place_arrays(StatisticsSample *sample) {
    char *start = reinterpret_cast<char *>(sample);
    Size size = MAXALIGN(sizeof(StatisticsSample));
    sample->histograms = reinterpret_cast<int64 *>(start + size);
    size += sizeof(int64) * kCountedQueries * (sample->bits + 1);
    return size + place_recall_sample(&sample->queries, start + size);
}

static StatisticsSample *make_statistics(int words, int bits) {
    StatisticsSample head = {};
    head.words = words;
    head.bits = bits;
    head.queries.words = words;
    head.queries.bits = bits;
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
    int64 step = Max(rows->count / kRecallQueries, INT64CONST(1)), seen = 0;
    int count;
    rewind_rows(rows);
    while (sample->queries.count < kRecallQueries && (count = next_rows(rows, row, 1024)) > 0) {
        for (int i = 0; i < count && sample->queries.count < kRecallQueries; i++, seen++)
            if (seen % step == step / 2) add_recall_query(&sample->queries, row + i * (rows->words + 1));
    }
    pfree(row);
    return sample;
}

namespace {

// Rows that are shown to the sample together.
struct ShownRows {
    const uint64 *blocked;
    int count;
    const hamming::Assignment *assignments;
    const hamming::Clustering *clustering;
};

}  // namespace

static int keep_row(RecallSample *queries, int q, const ShownRows &rows, int row, int distance) {
    const uint64 *centroid = rows.clustering->centroid(rows.assignments[row].leaf);
    return keep_neighbor(queries, q, distance,
                         distance_between(recall_query(*queries, q), centroid, queries->words));
}

static void count_distances(StatisticsSample *sample, int q, const ShownRows &rows, uint16 *distances) {
    RecallSample *queries = &sample->queries;
    hamming::best_kernel().distances(rows.blocked, rows.count, sample->words, recall_query(*queries, q),
                                     distances);
    int64 *histogram = sample->histograms + q / 2 * (sample->bits + 1);
    int within = neighbors_within(*queries, q);
    for (int i = 0; i < rows.count; i++) {
        const int d = Min(static_cast<int>(distances[i]), sample->bits);
        histogram[d]++;
        if (d <= within) within = keep_row(queries, q, rows, i, d);
    }
}

static void find_neighbors(StatisticsSample *sample, int q, const ShownRows &rows, hamming::Hit *hits) {
    RecallSample *queries = &sample->queries;
    int within = neighbors_within(*queries, q);
    const size_t found = hamming::best_kernel().scan(rows.blocked, rows.count, sample->words,
                                                     recall_query(*queries, q), within, hits);
    for (size_t h = 0; h < found; h++)
        if (hits[h].distance <= within)
            within = keep_row(queries, q, rows, hits[h].position, hits[h].distance);
}

void add_to_statistics(StatisticsSample *sample, const uint64 *codes, int count,
                       const hamming::Assignment *assignments, const hamming::Clustering &clustering) {
    const int words = sample->words;
    const int room = (count + hamming::kBlock - 1) / hamming::kBlock * hamming::kBlock;
    auto blocked = static_cast<uint64 *>(palloc0(sizeof(uint64) * room * words));
    auto distances = static_cast<uint16 *>(palloc(sizeof(uint16) * room));
    auto hits = static_cast<hamming::Hit *>(palloc(sizeof(hamming::Hit) * room));
    for (int i = 0; i < count; i++) store_code(blocked, words, i, codes + i * words);
    const ShownRows rows = {blocked, count, assignments, &clustering};
    for (int q = 0; q < sample->queries.count; q++) {
        if (q % 2 == 0)
            count_distances(sample, q, rows, distances);
        else
            find_neighbors(sample, q, rows, hits);
    }
    sample->rows += count;
    pfree(hits);
    pfree(distances);
    pfree(blocked);
}

void merge_statistics(StatisticsSample *sample, const StatisticsSample *other) {
    sample->rows += other->rows;
    for (int i = 0; i < kCountedQueries * (sample->bits + 1); i++)
        sample->histograms[i] += other->histograms[i];
    merge_neighbors(&sample->queries, other->queries);
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
        const int d = distance_between(writer.written_centroids + static_cast<Size>(l) * writer.words, query,
                                       writer.words);
        for (uint32 g = 0; g < groups; g++) {
            const int rmax = rmax_of_group(radii, groups, g, leaf.rmax);
            const int bound = Min(lower_bound(d, radii[g], rmax), bits);
            codes[bound] += Min(leaf.entries - g * hamming::kBlock, static_cast<uint32>(hamming::kBlock));
            uint16 *page = &page_bound[(leaf.first_group + g) / groups_per_page(writer.words)];
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
    const double share = 2.0 / (sample->queries.count + sample->queries.count % 2);
    const double rows = static_cast<double>(sample->rows);
    const double all_pages = static_cast<double>(Max(writer.code_pages.count, INT64CONST(1)));
    count_reach(writer, recall_query(sample->queries, q), bits, codes, pages);
    int64 *within = sample->histograms + q / 2 * (bits + 1);
    for (int d = 1; d <= bits; d++) within[d] += within[d - 1];
    const int64 copies = within[recall_copy_distance(bits)];  // the query itself is one
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

TierStatistics finish_statistics(StatisticsSample *sample, const TierWriter &writer) {
    TierStatistics statistics;
    memset(&statistics, 0, sizeof statistics);
    auto codes = static_cast<double *>(palloc(sizeof(double) * (sample->bits + 1)));
    auto pages = static_cast<double *>(palloc(sizeof(double) * (sample->bits + 1)));
    for (int q = 0; q < sample->queries.count; q += 2) {
        CHECK_FOR_INTERRUPTS();
        add_query(sample, q, writer, codes, pages, &statistics);
    }
    statistics.reach = measured_reach(sample->queries, writer);
    return statistics;
}

TierStatistics flat_statistics() {
    TierStatistics statistics;
    memset(&statistics, 0, sizeof statistics);
    for (int i = 0; i < kRankSteps; i++) statistics.codes_at_rank[i] = statistics.pages_at_rank[i] = 1;
    for (int i = 0; i < kRadiusSteps; i++) statistics.codes_in_radius[i] = statistics.pages_in_radius[i] = 1;
    statistics.reach = unknown_reach();
    return statistics;
}

}  // namespace imagehash::index
