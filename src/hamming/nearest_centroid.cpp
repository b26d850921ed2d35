// The groups around the super-centroids, and the search through those that are near.
#include "hamming/nearest_centroid.h"

#include <cmath>
#include <numeric>

#include "hamming/grouping.h"

namespace imagehash::hamming {
namespace {

// Up to here looking at all costs about as much as two levels.
constexpr size_t kSearchAll = 768;
constexpr size_t kPasses = 3;

}  // namespace

NearestCentroid::NearestCentroid(Rows centroids, Random *random, StopMemory *stop)
    : words_(centroids.words), centroids_(centroids.words) {
    Groups groups;
    if (centroids.count <= kSearchAll) {
        groups.start = {0, static_cast<uint32_t>(centroids.count)};
        groups.members.resize(centroids.count);
        std::iota(groups.members.begin(), groups.members.end(), 0);
    } else {
        const auto wanted = static_cast<size_t>(2 * std::sqrt(static_cast<double>(centroids.count)));
        std::vector<uint64_t> leaders;
        groups = group_by_leaders(centroids, wanted, random, stop, &leaders);
        append_super_centroids(rows_of(leaders, words_));
    }
    for (size_t g = 0; g < groups.count(); g++) {
        first_block_.push_back(static_cast<uint32_t>(centroids_.blocks()));
        centroids_.append(centroids, groups.of(g), groups.size(g));
        number_.insert(number_.end(), groups.of(g), groups.of(g) + groups.size(g));
        number_.resize(centroids_.blocks() * kBlock, number_.back());
    }
    first_block_.push_back(static_cast<uint32_t>(centroids_.blocks()));
}

// Deals them out block by block, so that neighbors come into different lanes, and neighboring blocks into
// different passes.
void NearestCentroid::append_super_centroids(Rows super_centroids) {
    passes_.assign(kPasses, {BlockedCodes(words_), {}});
    for (size_t first = 0; first < super_centroids.count; first += kBlock) {
        Pass &pass = passes_[first / kBlock % kPasses];
        const size_t count = std::min<size_t>(kBlock, super_centroids.count - first);
        pass.super_centroids.append({super_centroids[first], count, words_});
        for (size_t i = 0; i < kBlock; i++)
            pass.group.push_back(static_cast<uint32_t>(first + std::min(i, count - 1)));
    }
}

void NearestCentroid::archive(Archive *archive) {
    archive->length(&passes_, {BlockedCodes(words_), {}});
    for (Pass &pass : passes_) {
        pass.super_centroids.archive(archive);
        archive->vector(&pass.group);
    }
    archive->vector(&first_block_);
    centroids_.archive(archive);
    archive->vector(&number_);
}

Nearest NearestCentroid::find(const uint64_t *code) const noexcept {
    const NearestFunction nearest = best_kernel().nearest;
    int64_t best[kBlock];
    std::fill_n(best, kBlock, kNoCode);
    if (passes_.empty()) nearest(centroids_.block(0), centroids_.blocks(), words_, code, 0, best);
    for (const Pass &pass : passes_) {
        const BlockedCodes &super = pass.super_centroids;
        if (super.blocks() == 0) continue;
        int64_t groups[kBlock];
        std::fill_n(groups, kBlock, kNoCode);
        nearest(super.block(0), super.blocks(), words_, code, 0, groups);
        for (int64_t found : groups) {
            const uint32_t group = pass.group[static_cast<uint32_t>(found)];
            const uint32_t first = first_block_[group];
            nearest(centroids_.block(first), first_block_[group + 1] - first, words_, code, first * kBlock,
                    best);
        }
    }
    const int64_t least = *std::min_element(best, best + kBlock);
    return {number_[static_cast<uint32_t>(least)], static_cast<uint32_t>(least >> 32)};
}

std::vector<Nearest> NearestCentroid::find_all(Rows rows, StopMemory *stop) const {
    const size_t look = codes_between_looks(words_);
    std::vector<Nearest> found(rows.count, Nearest{0, 0});
    for (size_t i = 0; i < rows.count; i++) {
        if (i % look == 0 && stop->asked()) break;
        found[i] = find(rows[i]);
    }
    return found;
}

}  // namespace imagehash::hamming
