// default_options(): which recipe for which task. models/README.md has the measurements behind the numbers.
//
// Must not look at the values of a set, only at what it has and how much of it.
#include "vision/learn.h"

#include <algorithm>

namespace imagehash::vision {

namespace {

constexpr int kSteps = 800;  // batches a training is worth, so that few rows are seen more often
constexpr int kMinEpochs = 40, kMaxEpochs = 200;

}  // namespace

TrainOptions default_options(int bits, const LearnSet &set) noexcept {
    TrainOptions o;
    o.bits = bits;
    o.validation_share = set.rows >= 200 ? 0.1 : 0;
    int64_t rows = static_cast<int64_t>(set.rows) - static_cast<int64_t>(set.rows * o.validation_share);
    o.batch = static_cast<int>(std::clamp<int64_t>(rows / 2, 2, 256));
    o.epochs = static_cast<int>(
        std::clamp<int64_t>(kSteps / std::max<int64_t>(rows / o.batch, 1), kMinEpochs, kMaxEpochs));
    o.dropout = 0.3;
    o.contrastive_weight = set.views_per_row > 0 ? 1.0 : 0.5;
    if (set.labels) o.label_weight = 1;
    return o;
}

}  // namespace imagehash::vision
