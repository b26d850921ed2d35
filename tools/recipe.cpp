#include "recipe.h"

namespace imagehash::tools {

namespace {

// How much of a code goes to what the classifier says. With few bits that is at the cost of the rough order
// which everything else is found by (docs/explanation/hashers.md, "Short codes").
double kl_weight_of(int bits) {
    if (bits <= 64) return 0.03;
    return bits <= 128 ? 0.1 : 0.3;
}

}  // namespace

semantic::MatrixView training_rows(semantic::MatrixView all) {
    return {all.data, all.rows - kHeldOut, all.columns};
}

semantic::MatrixView held_out_rows(semantic::MatrixView all) {
    return {all.data + (all.rows - kHeldOut) * all.columns, kHeldOut, all.columns};
}

semantic::TrainOptions shipped_recipe(int bits, uint64_t seed) {
    semantic::TrainOptions options;
    options.bits = bits;
    options.seed = seed;
    options.start_from_itq = true;  // so a small learning rate and few epochs are enough
    options.learning_rate = 1e-3;
    options.epochs = 6;
    options.dropout = 0.2;
    options.flip = 0.15;
    options.kl_weight = kl_weight_of(bits);
    return options;
}

}  // namespace imagehash::tools
