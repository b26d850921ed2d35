// How the shipped hasher is trained; quality.cpp trains other lengths in the same way.
#pragma once

#include "vision/trainer.h"

namespace imagehash::models {

// The last rows of the photos' embeddings (they are shuffled): never trained on, they choose among seeds.
constexpr size_t kHeldOut = 3500;

inline vision::MatrixView training_rows(vision::MatrixView all) {
    return {all.data, all.rows - kHeldOut, all.columns};
}

inline vision::MatrixView held_out_rows(vision::MatrixView all) {
    return {all.data + (all.rows - kHeldOut) * all.columns, kHeldOut, all.columns};
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
    options.kl_weight = 0.3;
    return options;
}

}  // namespace imagehash::models
