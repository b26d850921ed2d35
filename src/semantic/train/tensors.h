// What the trainer and the baselines share: embeddings as tensors, prepared as every hasher expects them.
//
// Private to the .cpp files that use LibTorch; no header of a public interface includes this.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "semantic/hasher/hasher.h"
#include "semantic/train/trainer.h"

namespace imagehash::semantic {

// Rows as x = (embedding / |embedding| - mean) / scale, made when they are asked for: nothing of the size of
// the set is copied. The zero embedding counts as zero before centring.
class Embeddings {
 public:
    // Reads all rows once. Throws Error(bad_argument) where there is nothing to learn from or a value is not
    // finite.
    explicit Embeddings(MatrixView rows, StopFlag stop = nullptr);

    int64_t count() const { return raw_.size(0); }
    int64_t length() const { return raw_.size(1); }
    torch::Tensor at(const torch::Tensor &index) const { return prepare(raw_.index_select(0, index)); }
    torch::Tensor range(int64_t begin, int64_t count) const { return prepare(raw_.narrow(0, begin, count)); }
    // float[n][length], raw, of any pictures.
    torch::Tensor prepare(const torch::Tensor &raw) const;

    torch::Tensor mean;  // float[length], of unit-length embeddings
    double scale;        // one number: the standard deviation over all centred values
    double mean_norm;    // mean length of the raw embeddings

 private:
    torch::Tensor raw_;
};

// A tensor over the caller's memory.
torch::Tensor wrap(MatrixView rows);

// A generator of its own: LibTorch's default one is shared with whatever else the process does.
torch::Generator make_generator(uint64_t seed);

torch::Tensor copy_floats(const std::vector<float> &values, torch::IntArrayRef shape);

// The directions of ITQ of the rows numbered by `rows`, double[length][bits]; see itq() in baselines.h.
torch::Tensor itq_projection(const Embeddings &data, const torch::Tensor &rows, int bits,
                             torch::Generator generator, int iterations, StopFlag stop);

// Signs of x * projection, double[length][bits], as a Hasher.
Hasher linear_hasher(const Embeddings &data, const torch::Tensor &projection);

// weight[in][out] and bias[out], of any floating type, as a layer of a Hasher.
LinearLayer make_layer(const torch::Tensor &weight, const torch::Tensor &bias);

}  // namespace imagehash::semantic
