// Centroids are drawn in a few rounds, far codes rather than near ones, and then moved to the middle of their
// codes.
#include "hamming/training.h"

#include <algorithm>

#include "hamming/grouping.h"

namespace imagehash::hamming {
namespace {

constexpr int kSeedingRounds = 3;
constexpr int kIterations = 3;
constexpr uint32_t kNoCentroidYet = UINT32_MAX;

// Far codes are where centroids are missing. The cube rather than the square of k-means++: with many
// dimensions all distances look alike.
uint64_t weight(uint32_t distance) {
    return distance == kNoCentroidYet ? 1 : uint64_t{distance} * distance * distance;
}

// At most `wanted` different positions, drawn by weight; systematic, so that they spread over the whole
// sample.
std::vector<uint32_t> draw_by_weight(const std::vector<uint32_t> &distances, size_t wanted, Random *random) {
    std::vector<uint32_t> drawn;
    uint64_t total = 0;
    for (uint32_t distance : distances) total += weight(distance);
    if (total == 0 || wanted == 0) return drawn;
    const double step = static_cast<double>(total) / static_cast<double>(wanted);
    size_t next = 0;
    double target = random->unit() * step, sum = 0;
    for (size_t i = 0; i < distances.size() && next < wanted; i++) {
        sum += static_cast<double>(weight(distances[i]));
        if (target >= sum) continue;
        drawn.push_back(static_cast<uint32_t>(i));
        while (target < sum && next < wanted) {
            next++;
            target = (static_cast<double>(next) + random->unit()) * step;
        }
    }
    if (drawn.empty()) drawn.push_back(static_cast<uint32_t>(distances.size() - 1));  // rounding at the end
    return drawn;
}

std::vector<uint64_t> seed_centroids(Rows sample, size_t wanted, Random *random, StopMemory *stop) {
    std::vector<uint64_t> centroids;
    std::vector<uint32_t> distances(sample.count, kNoCentroidYet);
    for (int round = 0; round < kSeedingRounds; round++) {
        const bool last = round == kSeedingRounds - 1;
        const size_t have = centroids.size() / sample.words;
        std::vector<uint64_t> added;
        for (uint32_t i : draw_by_weight(distances, last ? wanted - have : wanted / kSeedingRounds, random))
            append_code(&added, sample[i], sample.words);
        centroids.insert(centroids.end(), added.begin(), added.end());
        if (last || added.empty()) continue;
        const NearestCentroid nearest(rows_of(added, sample.words), random, stop);
        const std::vector<Nearest> found = nearest.find_all(sample, stop);
        for (size_t i = 0; i < sample.count; i++) distances[i] = std::min(distances[i], found[i].distance);
    }
    return centroids;
}

// Moves each centroid to the middle of its codes; one with a single code or none starts anew elsewhere.
void move_to_middles(Rows sample, std::vector<uint64_t> *centroids, Random *random, StopMemory *stop) {
    const Rows current = rows_of(*centroids, sample.words);
    const std::vector<Nearest> found = NearestCentroid(current, random, stop).find_all(sample, stop);
    if (stop->stopped()) return;
    std::vector<uint32_t> nearest(sample.count), distances(sample.count);
    for (size_t i = 0; i < sample.count; i++) {
        nearest[i] = found[i].centroid;
        distances[i] = found[i].distance;
    }
    const Groups groups = sort_into_groups(nearest, current.count);
    std::vector<size_t> vacant;
    constexpr size_t kLook = 256;
    for (size_t c = 0; c < groups.count() && (c % kLook != 0 || !stop->asked()); c++) {
        if (groups.size(c) > 1)
            move_to_majority(sample, groups.of(c), groups.size(c), centroids->data() + c * sample.words);
        else
            vacant.push_back(c);
    }
    const std::vector<uint32_t> seeds = draw_by_weight(distances, vacant.size(), random);
    for (size_t i = 0; i < seeds.size(); i++)
        std::copy_n(sample[seeds[i]], sample.words, centroids->data() + vacant[i] * sample.words);
}

}  // namespace

std::vector<uint64_t> train_centroids(Rows sample, size_t wanted, Random *random, StopMemory *stop) {
    std::vector<uint64_t> centroids = seed_centroids(sample, std::max<size_t>(1, wanted), random, stop);
    for (int i = 0; i < kIterations && !stop->stopped(); i++)
        move_to_middles(sample, &centroids, random, stop);
    return centroids;
}

}  // namespace imagehash::hamming
