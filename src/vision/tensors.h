// What the trainer and the baselines share: embeddings as a tensor, prepared as every hasher expects them.
//
// Private to the .cpp files that use LibTorch; no header of a public interface includes this.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "vision/hasher.h"
#include "vision/trainer.h"

namespace imagehash::vision {

// x = (embedding / |embedding| - mean) / scale; the zero embedding counts as zero before centring.
struct Standardised {
    torch::Tensor x;     // float[n][d]
    torch::Tensor mean;  // float[d], of unit-length embeddings
    double scale;        // one number: the standard deviation over all centred values
    double mean_norm;    // mean length of the raw embeddings
};

// Copies. Throws Error(bad_argument) where there is nothing to learn from or a value is not finite.
Standardised standardise(MatrixView embeddings);

// A generator of its own: LibTorch's default one is shared with whatever else the process does.
torch::Generator make_generator(uint64_t seed);

torch::Tensor copy_floats(const std::vector<float> &values, torch::IntArrayRef shape);

// The directions of ITQ, double[d][bits], for rows of data.x; see itq() in baselines.h.
torch::Tensor itq_projection(const Standardised &data, int bits, torch::Generator generator, int iterations,
                             const StopFunction &stop);

// weight[in][out] and bias[out], of any floating type, as a layer of a Hasher.
LinearLayer make_layer(const torch::Tensor &weight, const torch::Tensor &bias);

}  // namespace imagehash::vision
