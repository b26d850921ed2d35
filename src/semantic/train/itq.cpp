// Principal components by subspace iteration, then a rotation by orthogonal Procrustes. Every step is short
// and looks at the stop flag before it: no factorization here may hold up a cancel for seconds.
#include "semantic/train/itq.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/status.h"

namespace imagehash::semantic {

namespace {

constexpr int kRotations = 50;
constexpr int kPrincipalSteps = 25;
constexpr int kPolarSteps = 30;
constexpr double kPull = 1e-3;

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

torch::Tensor itq_projection(const Embeddings &data, const torch::Tensor &rows, int bits,
                             torch::Generator generator, StopFlag stop) {
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
    for (int i = 0; i < kRotations; i++) {
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

}  // namespace imagehash::semantic
