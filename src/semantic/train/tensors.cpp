// Embeddings to tensors and tensors to hasher layers; see tensors.h.
#include "semantic/train/tensors.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "common/status.h"

namespace imagehash::semantic {

namespace {

constexpr int64_t kBlock = 512;  // rows between two looks at the stop flag
constexpr int kPrincipalSteps = 25;
constexpr int kPolarSteps = 30;
constexpr double kPull = 1e-3;

torch::Tensor unit(const torch::Tensor &raw) {
    return raw / raw.norm(2, 1, true).clamp_min(1e-30);
}

template <typename Function>
void each_block(int64_t rows, StopFlag stop, Function function) {
    for (int64_t begin = 0; begin < rows; begin += kBlock) {
        look_for_stop(stop);
        function(begin, std::min(kBlock, rows - begin));
    }
}

// Columns made orthonormal, without changing what they span.
torch::Tensor orthonormal(const torch::Tensor &columns, StopFlag stop) {
    look_for_stop(stop);
    return std::get<0>(torch::linalg_qr(columns));
}

// The strongest principal directions of a covariance, double[d][count], by subspace iteration: its steps are
// short, where one eigendecomposition would hold up a cancel for seconds. Only the space they span matters to
// ITQ, which rotates them.
torch::Tensor principal_directions(const torch::Tensor &covariance, int64_t count, torch::Generator generator,
                                   StopFlag stop) {
    // More than asked for: the steps converge by the ratio of the last one wanted to the first one left out.
    int64_t length = covariance.size(0), kept = std::min(length, count + std::max<int64_t>(16, count / 4));
    auto directions =
        orthonormal(torch::empty({length, kept}, torch::kDouble).normal_(0, 1, generator), stop);
    for (int i = 0; i < kPrincipalSteps; i++) {
        look_for_stop(stop);
        directions = orthonormal(torch::mm(covariance, directions), stop);
    }
    look_for_stop(stop);
    auto inner = torch::mm(directions.t(), torch::mm(covariance, directions));
    auto vectors = std::get<1>(torch::linalg_eigh((inner + inner.t()) / 2));  // ascending
    return torch::mm(directions, vectors.narrow(1, kept - count, count));
}

// The orthogonal matrix nearest to a[n][n]: Newton's iteration for the polar factor, scaled (N. Higham,
// "Computing the polar decomposition - with applications", 1986). In short steps, as above.
torch::Tensor nearest_rotation(torch::Tensor a, StopFlag stop) {
    for (int i = 0; i < kPolarSteps; i++) {
        look_for_stop(stop);
        auto inverse = torch::linalg_inv(a).t();
        double ratio = inverse.norm().item<double>() / a.norm().item<double>();
        double factor = i < 8 ? std::sqrt(ratio) : 1;
        auto next = 0.5 * (factor * a + inverse / factor);
        double change = (next - a).norm().item<double>() / next.norm().item<double>();
        a = next;
        if (change < 1e-10) break;
    }
    return a;
}

}  // namespace

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
        auto x = unit(block).to(torch::kDouble);
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
    return unit(raw).sub_(mean).div_(scale);
}

torch::Generator make_generator(uint64_t seed) {
    return at::make_generator<at::CPUGeneratorImpl>(seed);
}

torch::Tensor copy_floats(const std::vector<float> &values, torch::IntArrayRef shape) {
    return torch::tensor(values).reshape(shape);
}

torch::Tensor itq_projection(const Embeddings &data, const torch::Tensor &rows, int bits,
                             torch::Generator generator, int iterations, StopFlag stop) {
    if (data.length() > kMaxItqLength)
        throw Error(ErrorKind::bad_argument, "ITQ takes embeddings of at most " +
                                                 std::to_string(kMaxItqLength) + " values, these have " +
                                                 std::to_string(data.length()));
    torch::NoGradGuard no_grad;
    const int64_t count = rows.size(0);
    auto covariance = torch::zeros({data.length(), data.length()}, torch::kDouble);
    each_block(count, stop, [&](int64_t begin, int64_t n) {
        auto x = data.at(rows.narrow(0, begin, n));
        covariance += torch::mm(x.t(), x);
    });
    auto components = principal_directions(covariance / count, bits, generator, stop);
    auto projected = torch::empty({count, bits});
    auto directions = components.to(torch::kFloat);
    each_block(count, stop, [&](int64_t begin, int64_t n) {
        projected.narrow(0, begin, n).copy_(torch::mm(data.at(rows.narrow(0, begin, n)), directions));
    });

    auto rotation = orthonormal(torch::empty({bits, bits}, torch::kDouble).normal_(0, 1, generator), stop);
    for (int i = 0; i < iterations; i++) {
        auto turn = rotation.to(torch::kFloat);
        auto agreement = torch::zeros({bits, bits}, torch::kDouble);
        each_block(count, stop, [&](int64_t begin, int64_t n) {
            auto x = projected.narrow(0, begin, n);
            agreement += torch::mm(x.t(), torch::where(torch::mm(x, turn) > 0, 1.0f, -1.0f));
        });
        // The rotation nearest to the signs: orthogonal Procrustes. A small pull to the rotation before
        // makes it one also where the rows span fewer dimensions than there are bits.
        rotation =
            nearest_rotation(agreement / agreement.norm() + rotation * (kPull / std::sqrt(bits)), stop);
    }
    return torch::mm(components, rotation);
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
