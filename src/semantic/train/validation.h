// How good a set of codes is while it is being learned: one number, 0 to 1, to choose the best epoch by, or
// ITQ instead of all of them.
//
// Codes are not asked for the nearest by cosine themselves: a code that gathers what belongs together is
// better than the embedding and loses by that measure, to ITQ above all, which only copies the cosine. They
// are asked for the rows with the nearest surroundings (docs/explanation/hashers.md has what that changed).
//
// Private to trainer.cpp; retrieval.h has the measures that are reported. All of float[n][bits], -1 or 1.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "base/stop.h"

namespace imagehash::semantic {

// Mean average precision by label of every labeled row among the other labeled ones; NaN where no two share
// a label.
double label_score(const torch::Tensor &codes, const std::vector<int32_t> &labels);

// The surroundings of every row of x[n][d]: the mean direction of its ten nearest rows of others[m][d] by
// cosine. Of unit length.
torch::Tensor surroundings_of(const torch::Tensor &x, const torch::Tensor &others, StopFlag stop);

// Mean average precision of queries[i], a code of the picture of row i, among the other rows' codes, where
// the ten rows nearest to row i by cosine of their surroundings[n][d] count as relevant.
double neighbor_score(const torch::Tensor &queries, const torch::Tensor &codes,
                      const torch::Tensor &surroundings);

}  // namespace imagehash::semantic
