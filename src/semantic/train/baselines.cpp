// Random projection and ITQ as hashers of one linear layer, made without epochs or gradients.
#include "semantic/train/baselines.h"

#include <torch/torch.h>

#include <algorithm>
#include <string>

#include "base/status.h"
#include "semantic/train/itq.h"
#include "semantic/train/tensors.h"

namespace imagehash::semantic {

namespace {

void check_bits(int bits, int most) {
    if (bits < 8 || bits > most || bits % 8 != 0)
        throw Error(ErrorKind::bad_argument,
                    "bits must be a multiple of 8 from 8 to " + std::to_string(most));
}

}  // namespace

Hasher random_projection(MatrixView embeddings, int bits, uint64_t seed, StopFlag stop) {
    check_bits(bits, 1024);
    torch::NoGradGuard no_grad;
    Embeddings data(embeddings, stop);
    auto generator = make_generator(seed);
    auto directions = torch::empty({embeddings.columns, bits}, torch::kDouble).normal_(0, 1, generator);
    return linear_hasher(data, directions);
}

Hasher itq(MatrixView embeddings, int bits, uint64_t seed, StopFlag stop) {
    check_bits(bits, std::min(1024, embeddings.columns));
    torch::NoGradGuard no_grad;
    Embeddings data(embeddings, stop);
    auto rows = torch::arange(data.count());
    return linear_hasher(data, itq_projection(data, rows, bits, make_generator(seed), stop));
}

}  // namespace imagehash::semantic
