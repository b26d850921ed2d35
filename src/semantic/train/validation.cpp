// Ranks held-out rows by their codes. There are at most a thousand of them, so plain loops over one table of
// similarities do. Must not be used for a collection: retrieval.cpp measures those.
#include "semantic/train/validation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "semantic/train/tensors.h"

namespace imagehash::semantic {

namespace {

constexpr int64_t kNeighbors = 10;

// All rows but `self`, most similar first; equals by number.
std::vector<int64_t> ranked(const float *similar, int64_t rows, int64_t self) {
    std::vector<int64_t> order(rows);
    std::iota(order.begin(), order.end(), int64_t{0});
    order.erase(order.begin() + self);
    std::stable_sort(order.begin(), order.end(),
                     [similar](int64_t a, int64_t b) { return similar[a] > similar[b]; });
    return order;
}

// NaN where nothing is relevant.
template <typename Relevant>
double average_precision(const std::vector<int64_t> &order, Relevant relevant) {
    double sum = 0;
    int64_t found = 0;
    for (size_t i = 0; i < order.size(); i++)
        if (relevant(order[i])) sum += static_cast<double>(++found) / (i + 1);
    return sum / found;
}

}  // namespace

double label_score(const torch::Tensor &codes, const std::vector<int32_t> &labels) {
    auto similar = torch::mm(codes, codes.t()).contiguous();
    int64_t rows = codes.size(0), counted = 0;
    double sum = 0;
    for (int64_t q = 0; q < rows; q++) {
        if (labels[q] < 0) continue;
        auto order = ranked(similar.data_ptr<float>() + q * rows, rows, q);
        order.erase(std::remove_if(order.begin(), order.end(), [&](int64_t i) { return labels[i] < 0; }),
                    order.end());
        double precision = average_precision(order, [&](int64_t i) { return labels[i] == labels[q]; });
        if (std::isnan(precision)) continue;
        sum += precision;
        counted++;
    }
    return counted > 0 ? sum / counted : std::numeric_limits<double>::quiet_NaN();
}

torch::Tensor surroundings_of(const torch::Tensor &x, const torch::Tensor &others, StopFlag stop) {
    auto of = unit_rows(others), from = unit_rows(x).t().contiguous(),
         similar = torch::empty({of.size(0), from.size(1)}), sum = torch::zeros_like(x);
    each_block(of.size(0), stop, [&](int64_t begin, int64_t rows) {
        similar.narrow(0, begin, rows).copy_(torch::mm(of.narrow(0, begin, rows), from));
    });
    look_for_stop(stop);
    auto nearest = std::get<1>(similar.t().topk(std::min(kNeighbors, of.size(0)), 1));
    for (int64_t i = 0; i < nearest.size(1); i++)
        sum += of.index_select(0, nearest.select(1, i).contiguous());
    return unit_rows(sum);
}

double neighbor_score(const torch::Tensor &queries, const torch::Tensor &codes,
                      const torch::Tensor &surroundings) {
    auto near = torch::mm(surroundings, surroundings.t()).contiguous(),
         similar = torch::mm(queries, codes.t()).contiguous();
    int64_t rows = codes.size(0), wanted = std::min(kNeighbors, rows - 1);
    double sum = 0;
    std::vector<bool> relevant(rows);
    for (int64_t q = 0; q < rows; q++) {
        auto truth = ranked(near.data_ptr<float>() + q * rows, rows, q);
        std::fill(relevant.begin(), relevant.end(), false);
        for (int64_t i = 0; i < wanted; i++) relevant[truth[i]] = true;
        sum += average_precision(ranked(similar.data_ptr<float>() + q * rows, rows, q),
                                 [&](int64_t i) { return relevant[i]; });
    }
    return sum / rows;
}

}  // namespace imagehash::semantic
