// What the trainer and the baselines share: embeddings as tensors, prepared as every hasher expects them.
//
// Private to the files of this folder that use LibTorch; trainer.h, baselines.h and retrieval.h must not
// include it.
#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/status.h"
#include "semantic/hasher/hasher.h"
#include "semantic/train/matrix_view.h"

namespace imagehash::semantic {

constexpr int64_t kRowsAtOnce = 512;  // rows between two looks at the stop flag

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
    double scale;        // one number: the standard deviation over all centered values
    double mean_norm;    // mean length of the raw embeddings

 private:
    torch::Tensor raw_;
};

// A tensor over the caller's memory.
torch::Tensor wrap(MatrixView rows);

// rows[n][d], each brought to length 1; a row of zeros stays one.
torch::Tensor unit_rows(const torch::Tensor &rows);

// Calls function(begin, count) for blocks of kRowsAtOnce rows, and looks at the stop flag before each.
template <typename Function>
void each_block(int64_t rows, StopFlag stop, Function function) {
    for (int64_t begin = 0; begin < rows; begin += kRowsAtOnce) {
        look_for_stop(stop);
        function(begin, std::min(kRowsAtOnce, rows - begin));
    }
}

// A generator of its own: LibTorch's default one is shared with whatever else the process does.
torch::Generator make_generator(uint64_t seed);

torch::Tensor copy_floats(const std::vector<float> &values, torch::IntArrayRef shape);

// Signs of x * projection, double[length][bits], as a Hasher.
Hasher linear_hasher(const Embeddings &data, const torch::Tensor &projection);

// weight[in][out] and bias[out], of any floating type, as a layer of a Hasher.
LinearLayer make_layer(const torch::Tensor &weight, const torch::Tensor &bias);

}  // namespace imagehash::semantic
