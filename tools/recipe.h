// How the shipped hasher is trained; quality.cpp trains other lengths in the same way.
#pragma once

#include <cstddef>
#include <cstdint>

#include "semantic/train/trainer.h"

namespace imagehash::tools {

// The last rows of the photos' embeddings (they are shuffled): never trained on, they choose among seeds.
constexpr size_t kHeldOut = 3500;

// REQUIRES: all.rows > kHeldOut
semantic::MatrixView training_rows(semantic::MatrixView all);
semantic::MatrixView held_out_rows(semantic::MatrixView all);

semantic::TrainOptions shipped_recipe(int bits, uint64_t seed);

}  // namespace imagehash::tools
