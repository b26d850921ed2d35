// How the shipped hasher is trained; quality.cpp trains other lengths in the same way.
#pragma once

#include "semantic/train/trainer.h"

namespace imagehash::models {

// The last rows of the photos' embeddings (they are shuffled): never trained on, they choose among seeds.
constexpr size_t kHeldOut = 3500;

inline vision::MatrixView training_rows(vision::MatrixView all) {
    return {all.data, all.rows - kHeldOut, all.columns};
}

inline vision::MatrixView held_out_rows(vision::MatrixView all) {
    return {all.data + (all.rows - kHeldOut) * all.columns, kHeldOut, all.columns};
}

// How much of a code goes to what the classifier says. With few bits that is at the cost of the rough order
// which everything else is found by (README.md, "Short codes").
inline double kl_weight_of(int bits) {
    if (bits <= 64) return 0.03;
    return bits <= 128 ? 0.1 : 0.3;
}

inline vision::TrainOptions default_recipe(int bits, uint64_t seed) {
    vision::TrainOptions options;
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

}  // namespace imagehash::models
