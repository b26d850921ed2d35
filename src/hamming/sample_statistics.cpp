// Distances of random pairs, and histograms of the distances of some codes to all of the sample.
#include "hamming/sample_statistics.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "hamming/distance.h"

namespace imagehash::hamming {
namespace {

constexpr int kPairs = 20000;
constexpr size_t kQueries = 128;
constexpr double kNeighbor = 10;
constexpr double kPercentile = 0.75;

int distance_of_words(const uint64_t *a, const uint64_t *b, int words) {
    return distance(reinterpret_cast<const uint8_t *>(a), reinterpret_cast<const uint8_t *>(b), words * 8);
}

// Counts the sample's distances to each query: histogram[query][distance].
std::vector<std::vector<uint32_t>> histograms(Rows sample, const std::vector<size_t> &queries,
                                              StopMemory *stop) {
    constexpr size_t kChunk = 512;
    std::vector<std::vector<uint32_t>> counts(queries.size(), std::vector<uint32_t>(sample.words * 64 + 1));
    std::vector<uint16_t> distances(kChunk);
    BlockedCodes chunk(sample.words);
    for (size_t first = 0; first < sample.count && !stop->asked(); first += kChunk) {
        const size_t count = std::min(kChunk, sample.count - first);
        chunk.clear();
        chunk.append({sample[first], count, sample.words});
        for (size_t q = 0; q < queries.size(); q++) {
            best_kernel().distances(chunk.block(0), count, sample.words, sample[queries[q]],
                                    distances.data());
            for (size_t i = 0; i < count; i++) counts[q][distances[i]]++;
        }
    }
    return counts;
}

// Of the n-th neighbor. A query is in the sample and its own nearest: hence one more.
int distance_of_neighbor(const std::vector<uint32_t> &counts, uint64_t n) {
    uint64_t seen = 0;
    size_t d = 0;
    while (d + 1 < counts.size() && (seen += counts[d]) < n + 1) d++;
    return static_cast<int>(d);
}

}  // namespace

PairDistances pair_distances(Rows sample, Random *random) {
    double sum = 0, squares = 0;
    for (int i = 0; i < kPairs; i++) {
        const uint64_t *a = sample[random->below(sample.count)];
        const double d = distance_of_words(a, sample[random->below(sample.count)], sample.words);
        sum += d;
        squares += d * d;
    }
    const double mean = sum / kPairs;
    return {mean, std::sqrt(std::max(0.0, squares / kPairs - mean * mean))};
}

NeighborDistances neighbor_distances(Rows sample, uint64_t total, Random *random, StopMemory *stop) {
    std::vector<size_t> queries;
    for (size_t i = 0; i < kQueries; i++) queries.push_back(random->below(sample.count));
    const double share = std::min(1.0, static_cast<double>(sample.count) / static_cast<double>(total));
    const auto neighbors = std::max<uint64_t>(1, std::llround(kNeighbor * share));
    NeighborDistances found;
    std::vector<int> distances;
    for (const std::vector<uint32_t> &counts : histograms(sample, queries, stop)) {
        found.nearest.push_back(distance_of_neighbor(counts, 1));
        distances.push_back(distance_of_neighbor(counts, neighbors));
    }
    std::sort(distances.begin(), distances.end());
    found.tenth = distances[static_cast<size_t>(kPercentile * static_cast<double>(distances.size()))];
    return found;
}

}  // namespace imagehash::hamming
