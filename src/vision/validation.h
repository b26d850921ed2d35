// How good a set of codes is while it is being learned: one number, 0 to 1, to choose the best epoch by.
//
// Private to trainer.cpp; retrieval.h has the measures that are reported. All of float[n][bits], -1 or 1.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

namespace imagehash::vision {

// Mean average precision by label of every labelled row among the other labelled ones; NaN where no two share
// a label.
double label_score(const torch::Tensor &codes, const std::vector<int32_t> &labels);

// Mean average precision of queries[i], a code of the picture of row i, among the other rows' codes, where
// the ten rows nearest to row i by cosine of x count as relevant.
double neighbour_score(const torch::Tensor &queries, const torch::Tensor &codes, const torch::Tensor &x);

}  // namespace imagehash::vision
