// The autoencoder that trainer.cpp trains: two layers to the code and two back, as plain tensors.
//
//   x (unit length, centered, one scale) -> hidden, ReLU -> h (batch norm) -> sign = code
//   code -> hidden, ReLU -> x again
//
// The batch norm has neither scale nor shift: it centers every bit, so that half of the images set it.
// Private to trainer.cpp. Must not know the loss.
#pragma once

#include <torch/torch.h>

#include <cmath>
#include <vector>

#include "semantic/types.h"

namespace imagehash::semantic {

constexpr double kBatchNormEpsilon = 1e-5;

struct Linear {
    torch::Tensor weight;  // [out][in]
    torch::Tensor bias;

    torch::Tensor operator()(const torch::Tensor &x) const { return torch::linear(x, weight, bias); }
};

// Uniform within 1 / sqrt(in), PyTorch's default for a linear layer.
inline Linear make_linear(int in, int out, const torch::Generator &generator) {
    double bound = 1 / std::sqrt(in);
    Linear layer{torch::empty({out, in}).uniform_(-bound, bound, generator),
                 torch::empty({out}).uniform_(-bound, bound, generator)};
    layer.weight.requires_grad_();
    layer.bias.requires_grad_();
    return layer;
}

class Autoencoder {
 public:
    Autoencoder(int input, const TrainOptions &options, const torch::Generator &generator)
        : encode1_(make_linear(input, options.hidden, generator)),
          encode2_(make_linear(options.hidden, options.bits, generator)),
          decode1_(make_linear(options.bits, options.hidden, generator)),
          decode2_(make_linear(options.hidden, input, generator)) {}

    // Output of the encoder before batch norm.
    torch::Tensor encode(const torch::Tensor &x) const { return encode2_(torch::relu(encode1_(x))); }
    torch::Tensor decode(const torch::Tensor &code) const { return decode2_(torch::relu(decode1_(code))); }

    std::vector<torch::Tensor> parameters() const {
        std::vector<torch::Tensor> all;
        for (const Linear *layer : {&encode1_, &encode2_, &decode1_, &decode2_}) {
            all.push_back(layer->weight);
            all.push_back(layer->bias);
        }
        return all;
    }

    // Makes encode(x) = x * projection[d][bits] and decode(code) = code * reconstruction[bits][d].
    void start(const torch::Tensor &projection, const torch::Tensor &reconstruction) {
        start_linear(encode1_, encode2_, projection, torch::eye(projection.size(1)));
        start_linear(decode1_, decode2_, torch::eye(reconstruction.size(0)), reconstruction);
    }

    const Linear &encode1() const { return encode1_; }
    const Linear &encode2() const { return encode2_; }

 private:
    // Makes two layers compute x * a[in][n] * b[n][out]: ReLU passes a value and its negative as two units.
    // The units left over keep their random inputs, and begin without a say.
    static void start_linear(Linear &first, Linear &second, const torch::Tensor &a, const torch::Tensor &b) {
        torch::NoGradGuard no_grad;
        int64_t n = a.size(1), hidden = first.weight.size(0), out = second.weight.size(0);
        first.weight.narrow(0, 0, 2 * n).copy_(torch::cat({a.t(), -a.t()}));
        first.bias.narrow(0, 0, 2 * n).zero_();
        second.weight.copy_(torch::cat({b.t(), -b.t(), torch::zeros({out, hidden - 2 * n})}, 1));
        second.bias.zero_();
    }

    Linear encode1_, encode2_, decode1_, decode2_;
};

}  // namespace imagehash::semantic
