// Embeddings to tensors and tensors to hasher layers; see tensors.h.
#include "vision/tensors.h"

#include <ATen/CPUGeneratorImpl.h>

#include <cmath>
#include <string>

#include "vision/status.h"

namespace imagehash::vision {

Standardised standardise(MatrixView embeddings) {
    if (embeddings.rows < 2 || embeddings.columns < 1)
        throw Error(ErrorKind::bad_argument, "too few embeddings: " + std::to_string(embeddings.rows));
    torch::NoGradGuard no_grad;
    int64_t rows = embeddings.rows, columns = embeddings.columns;
    auto x = torch::from_blob(const_cast<float *>(embeddings.data), {rows, columns}).clone();
    auto norm = x.norm(2, 1, true);
    double mean_norm = norm.mean(torch::kDouble).item<double>();
    if (!std::isfinite(mean_norm))
        throw Error(ErrorKind::bad_argument, "embeddings have a value that is not finite");
    x.div_(norm.clamp_min(1e-30));
    auto mean = x.mean(0, false, torch::kDouble).to(torch::kFloat);
    x.sub_(mean);
    // By rows in double: a float sum over all values would lose its last digits.
    double variance = x.square().sum(1, false, torch::kDouble).sum().item<double>() / x.numel();
    if (!(variance > 0)) throw Error(ErrorKind::bad_argument, "embeddings are all alike: nothing to learn");
    double scale = std::sqrt(variance);
    x.div_(scale);
    return {x, mean, scale, mean_norm};
}

torch::Generator make_generator(uint64_t seed) {
    return at::make_generator<at::CPUGeneratorImpl>(seed);
}

torch::Tensor copy_floats(const std::vector<float> &values, torch::IntArrayRef shape) {
    return torch::tensor(values).reshape(shape);
}

torch::Tensor itq_projection(const Standardised &data, int bits, torch::Generator generator, int iterations,
                             const StopFunction &stop) {
    auto covariance = torch::mm(data.x.t(), data.x) / static_cast<double>(data.x.size(0));
    // Ascending eigenvalues: the principal components are the last columns.
    auto vectors = std::get<1>(torch::linalg_eigh(covariance.to(torch::kDouble)));
    auto components = vectors.narrow(1, vectors.size(1) - bits, bits).contiguous();
    auto projected = torch::mm(data.x, components.to(torch::kFloat));

    auto random = torch::empty({bits, bits}, torch::kDouble).normal_(0, 1, generator);
    auto rotation = std::get<0>(torch::linalg_qr(random));
    for (int i = 0; i < iterations; i++) {
        if (stop && stop()) throw Error(ErrorKind::cancelled, "training was cancelled");
        auto signs = torch::where(torch::mm(projected, rotation.to(torch::kFloat)) > 0, 1.0f, -1.0f);
        // The rotation nearest to the signs: orthogonal Procrustes.
        auto [u, s, vh] = torch::linalg_svd(torch::mm(projected.t(), signs).to(torch::kDouble), false);
        rotation = torch::mm(u, vh);
    }
    return torch::mm(components, rotation);
}

LinearLayer make_layer(const torch::Tensor &weight, const torch::Tensor &bias) {
    auto w = weight.detach().to(torch::kFloat).contiguous(), b = bias.detach().to(torch::kFloat).contiguous();
    const float *wp = w.data_ptr<float>(), *bp = b.data_ptr<float>();
    return {static_cast<int>(w.size(0)), static_cast<int>(w.size(1)), std::vector<float>(wp, wp + w.numel()),
            std::vector<float>(bp, bp + b.numel())};
}

}  // namespace imagehash::vision
