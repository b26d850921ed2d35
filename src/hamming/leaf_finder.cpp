// Two searches for the nearest centroid: among tight leaves, then, for a code that is too far from all of
// them, among loose ones.
#include "hamming/leaf_finder.h"

namespace imagehash::hamming {

std::unique_ptr<LeafFinder> LeafFinder::make(Rows centroids, size_t tight_leaves, int radius_limit,
                                             StopFlag stop) {
    StopMemory memory(stop);
    Random random(1);
    std::unique_ptr<LeafFinder> finder(new LeafFinder);
    const size_t tight = std::min(tight_leaves, centroids.count);
    finder->tight_leaves_ = static_cast<uint32_t>(tight);
    finder->radius_limit_ = static_cast<uint32_t>(radius_limit);
    if (tight > 0)
        finder->tight_ =
            std::make_unique<NearestCentroid>(Rows{centroids.data, tight, centroids.words}, &random, &memory);
    if (tight < centroids.count)
        finder->loose_ = std::make_unique<NearestCentroid>(
            Rows{centroids[tight], centroids.count - tight, centroids.words}, &random, &memory);
    if (memory.stopped()) return nullptr;
    return finder;
}

Assignment LeafFinder::find(const uint64_t *code) const noexcept {
    if (tight_ != nullptr) {
        const Nearest found = tight_->find(code);
        if (loose_ == nullptr || found.distance <= radius_limit_)
            return {found.centroid, static_cast<uint16_t>(found.distance)};
    }
    const Nearest found = loose_->find(code);
    return {tight_leaves_ + found.centroid, static_cast<uint16_t>(found.distance)};
}

}  // namespace imagehash::hamming
