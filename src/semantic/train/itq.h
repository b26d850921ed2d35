// Iterative quantization: the directions whose signs lose least of an embedding.
//
// Y. Gong, S. Lazebnik, "Iterative quantization: a Procrustean approach to learning binary codes", 2011. The
// baseline of that name uses it, and the trainer to begin with or to compare with. Must not know what the
// directions are for.
#pragma once

#include "semantic/train/tensors.h"

namespace imagehash::semantic {

// The directions for the rows numbered by `rows`, double[length][bits]. Throws Error(bad_argument) for
// embeddings of more than kMaxItqLength values, Error(cancelled).
// REQUIRES: bits <= data.length().
torch::Tensor itq_projection(const Embeddings &data, const torch::Tensor &rows, int bits,
                             torch::Generator generator, StopFlag stop);

}  // namespace imagehash::semantic
