// Recommended options as numbers; docs/explanation/hashers.md has the measurements behind them.
#include "semantic/train/recipes.h"

#include <algorithm>

namespace imagehash::semantic {

namespace {

constexpr size_t kEnoughToHoldOut = 200;  // rows below which every one is needed to learn from

}  // namespace

TrainOptions default_options(int bits, const LearnSet &set) noexcept {
    TrainOptions o;
    o.algorithm = HasherAlgorithm::automatic;
    o.bits = bits;
    o.validation_share = set.rows >= kEnoughToHoldOut ? 0.1 : 0;
    int64_t rows = static_cast<int64_t>(set.rows) - static_cast<int64_t>(set.rows * o.validation_share);
    o.batch = static_cast<int>(std::clamp<int64_t>(rows / 2, 2, 256));
    o.epochs = 40;  // without views the best one comes early; validation finds it
    o.dropout = 0.3;
    o.contrastive_weight = set.views_per_row > 0 ? 1.0 : 0.5;
    if (set.labels) o.label_weight = 1;
    return o;
}

}  // namespace imagehash::semantic
