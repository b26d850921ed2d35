// Embeddings become tensors and tensors become layers of a hasher, a block of rows at a time: must not copy a
// whole set.
#include "semantic/train/tensors.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "base/status.h"

namespace imagehash::semantic {

torch::Tensor unit_rows(const torch::Tensor &rows) {
    return rows / rows.norm(2, 1, true).clamp_min(1e-30);
}

torch::Tensor wrap(MatrixView rows) {
    return torch::from_blob(const_cast<float *>(rows.data), {static_cast<int64_t>(rows.rows), rows.columns});
}

Embeddings::Embeddings(MatrixView rows, StopFlag stop) {
    if (rows.rows < 2 || rows.columns < 1)
        throw Error(ErrorKind::bad_argument, "too few embeddings: " + std::to_string(rows.rows));
    torch::NoGradGuard no_grad;
    raw_ = wrap(rows);
    auto sum = torch::zeros({length()}, torch::kDouble);
    double norms = 0, squares = 0;
    each_block(count(), stop, [&](int64_t begin, int64_t n) {
        auto block = raw_.narrow(0, begin, n);
        auto x = unit_rows(block).to(torch::kDouble);
        norms += block.norm(2, 1).sum(torch::kDouble).item<double>();
        squares += x.square().sum().item<double>();
        sum += x.sum(0);
    });
    if (!std::isfinite(norms))
        throw Error(ErrorKind::bad_argument, "embeddings have a value that is not finite");
    mean_norm = norms / count();
    sum /= count();
    double spread = squares / count() - sum.square().sum().item<double>();
    if (!(spread > 1e-10)) throw Error(ErrorKind::bad_argument, "embeddings are all alike: nothing to learn");
    scale = std::sqrt(spread / length());
    mean = sum.to(torch::kFloat);
}

torch::Tensor Embeddings::prepare(const torch::Tensor &raw) const {
    return unit_rows(raw).sub_(mean).div_(scale);
}

torch::Generator make_generator(uint64_t seed) {
    return at::make_generator<at::CPUGeneratorImpl>(seed);
}

torch::Tensor copy_floats(const std::vector<float> &values, torch::IntArrayRef shape) {
    return torch::tensor(values).reshape(shape);
}

Hasher linear_hasher(const Embeddings &data, const torch::Tensor &projection) {
    auto bias = -torch::mv(projection.t(), data.mean.to(torch::kDouble));
    return Hasher({make_layer(projection, bias)});
}

LinearLayer make_layer(const torch::Tensor &weight, const torch::Tensor &bias) {
    auto w = weight.detach().to(torch::kFloat).contiguous(), b = bias.detach().to(torch::kFloat).contiguous();
    const float *wp = w.data_ptr<float>(), *bp = b.data_ptr<float>();
    return {static_cast<int>(w.size(0)), static_cast<int>(w.size(1)), std::vector<float>(wp, wp + w.numel()),
            std::vector<float>(bp, bp + b.numel())};
}

}  // namespace imagehash::semantic
