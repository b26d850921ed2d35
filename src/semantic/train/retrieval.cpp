// Ranks a collection for one query after another, by codes and by cosine, and adds up the measures. Must hold
// no more than one query's ranking and kQueriesAtOnce rows of cosines.
#include "semantic/train/retrieval.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#include "base/asymmetric_distance.h"
#include "base/status.h"
#include "semantic/train/tensors.h"

namespace imagehash::semantic {

namespace {

constexpr size_t kQueriesAtOnce = 16;     // rows of the cosine table held in memory
constexpr int64_t kCosinesAtOnce = 8192;  // rows of the collection between two looks at the stop flag
constexpr double kNotDefined = std::numeric_limits<double>::quiet_NaN();
constexpr size_t kNoRow = SIZE_MAX;

void require(bool holds, const char *message) {
    if (!holds) throw Error(ErrorKind::bad_argument, message);
}

// Codes as 64-bit words, the last one padded with zeros: no bit of difference in the padding.
std::vector<uint64_t> to_words(CodeView codes) {
    size_t bytes = codes.bits / 8, words = (bytes + 7) / 8;
    std::vector<uint64_t> out(codes.rows * words, 0);
    for (size_t i = 0; i < codes.rows; i++) std::memcpy(&out[i * words], codes.data + i * bytes, bytes);
    return out;
}

// The collection in the order of distance, then position: a counting sort over the few distances.
class CodeRanking {
 public:
    CodeRanking(CodeView queries, CodeView collection)
        : bits_(collection.bits),
          words_((bits_ / 8 + 7) / 8),
          queries_(to_words(queries)),
          collection_(to_words(collection)),
          distances_(collection.rows) {}

    // Without the row `self`.
    const std::vector<size_t> &rank(size_t query, size_t self, StopFlag) {
        const uint64_t *q = &queries_[query * words_], *c = collection_.data();
        std::vector<size_t> start(bits_ + 2, 0);
        for (size_t i = 0; i < distances_.size(); i++) {
            int distance = 0;
            for (size_t w = 0; w < words_; w++) distance += __builtin_popcountll(q[w] ^ *c++);
            distances_[i] = distance;
            if (i != self) start[distance + 1]++;
        }
        std::partial_sum(start.begin(), start.end(), start.begin());
        order_.resize(start.back());
        for (size_t i = 0; i < distances_.size(); i++)
            if (i != self) order_[start[distances_[i]]++] = i;
        return order_;
    }

    bool within(size_t row, int radius) const { return distances_[row] <= radius; }

 private:
    int bits_;
    size_t words_;
    std::vector<uint64_t> queries_, collection_;
    std::vector<int> distances_;
    std::vector<size_t> order_;
};

class FloatRanking {
 public:
    FloatRanking(MatrixView queries, MatrixView collection)
        : queries_(wrap(queries)),
          collection_(wrap(collection)),
          inverse_norms_(1 / collection_.norm(2, 1).clamp_min(1e-30)) {}

    const std::vector<size_t> &rank(size_t query, size_t self, StopFlag stop) {
        torch::NoGradGuard no_grad;
        if (query / kQueriesAtOnce != block_) compare(query / kQueriesAtOnce, stop);
        const float *cosine = cosines_.data_ptr<float>() + query % kQueriesAtOnce * cosines_.size(1);
        order_.resize(cosines_.size(1));
        std::iota(order_.begin(), order_.end(), size_t{0});
        if (self < order_.size()) order_.erase(order_.begin() + self);
        std::sort(order_.begin(), order_.end(), [cosine](size_t a, size_t b) {
            return cosine[a] != cosine[b] ? cosine[a] > cosine[b] : a < b;
        });
        return order_;
    }

    bool within(size_t, int) const { return false; }

    // Of the query that was ranked last.
    float cosine(size_t query, size_t row) const {
        return cosines_.data_ptr<float>()[query % kQueriesAtOnce * cosines_.size(1) + row];
    }

 private:
    void compare(size_t block, StopFlag stop) {
        int64_t begin = block * kQueriesAtOnce, rows = collection_.size(0),
                count = std::min<int64_t>(kQueriesAtOnce, queries_.size(0) - begin);
        cosines_ = torch::empty({count, rows});
        for (int64_t i = 0; i < rows; i += kCosinesAtOnce) {
            look_for_stop(stop);
            int64_t n = std::min(kCosinesAtOnce, rows - i);
            cosines_.narrow(1, i, n).copy_(
                torch::mm(queries_.narrow(0, begin, count), collection_.narrow(0, i, n).t()) *
                inverse_norms_.narrow(0, i, n));
        }
        // A comparison with NaN would not be an order.
        require(torch::isfinite(cosines_).all().item<bool>(), "embeddings have a value that is not finite");
        block_ = block;
    }

    torch::Tensor queries_, collection_, inverse_norms_, cosines_;
    size_t block_ = SIZE_MAX;
    std::vector<size_t> order_;
};

// Collects the measures of one query after another.
class MeasureSums {
 public:
    MeasureSums(const int32_t *query_labels, const int32_t *labels, const EvaluateOptions &options)
        : query_labels_(query_labels), labels_(labels), options_(options) {}

    template <typename Ranking>
    void add(size_t query, const std::vector<size_t> &order, const Ranking &ranking) {
        if (!query_labels_ || !labels_ || query_labels_[query] < 0) return;
        size_t relevant = 0, relevant_in_k = 0, near = 0;
        size_t k = std::min(options_.k, order.size()), first = std::min(options_.precision_k, order.size());
        double precisions = 0, precisions_in_k = 0;
        for (size_t i = 0; i < order.size(); i++) {
            if (labels_[order[i]] == query_labels_[query]) {
                precisions += static_cast<double>(++relevant) / (i + 1);
                near += ranking.within(order[i], options_.radius);
            }
            if (i + 1 == first) precision_ += static_cast<double>(relevant) / first;
            if (i + 1 == k) {
                relevant_in_k = relevant;
                precisions_in_k = precisions;
            }
        }
        queries_++;
        if (relevant_in_k > 0) map_at_k_ += precisions_in_k / relevant_in_k;
        if (relevant == 0) return;
        map_ += precisions / relevant;
        recall_ += static_cast<double>(near) / relevant;
        answerable_++;
    }

    Quality means() const {
        if (queries_ == 0) return {kNotDefined, kNotDefined, kNotDefined, kNotDefined};
        return {map_ / queries_, map_at_k_ / queries_, precision_ / queries_,
                answerable_ > 0 ? recall_ / answerable_ : kNotDefined};
    }

 private:
    const int32_t *query_labels_, *labels_;
    EvaluateOptions options_;
    double map_ = 0, map_at_k_ = 0, precision_ = 0, recall_ = 0;
    size_t queries_ = 0, answerable_ = 0;
};

size_t own_row(const EvaluateOptions &options, size_t query) {
    return options.self ? options.self[query] : kNoRow;
}

template <typename Ranking>
Quality measure(Ranking ranking, size_t queries, MeasureSums sums, const EvaluateOptions &options,
                StopFlag stop) {
    for (size_t q = 0; q < queries; q++) {
        look_for_stop(stop);
        sums.add(q, ranking.rank(q, own_row(options, q), stop), ranking);
    }
    return sums.means();
}

void check_sizes(size_t queries, size_t collection, const EvaluateOptions &options) {
    require(queries > 0 && collection > 0, "retrieval quality needs queries and a collection");
    require(options.k > 0 && options.precision_k > 0, "k must be at least 1");
    for (size_t q = 0; options.self && q < queries; q++)
        require(options.self[q] < collection, "a query is no row of the collection");
    require(!options.self || collection > 1, "a collection of one row leaves nothing to rank");
}

void check_codes(CodeView queries, CodeView collection, const EvaluateOptions &options) {
    check_sizes(queries.rows, collection.rows, options);
    require(collection.bits > 0 && collection.bits % 8 == 0, "code length is not a multiple of 8 bits");
    require(queries.bits == collection.bits, "queries and collection have codes of different lengths");
}

void check_floats(MatrixView queries, MatrixView collection, const EvaluateOptions &options) {
    check_sizes(queries.rows, collection.rows, options);
    require(queries.columns == collection.columns,
            "queries and collection have embeddings of different lengths");
}

// The ranking with its first rows in the order of `distance`; rows equally far stay as they are. NaN, of a
// hasher whose outputs overflow, is as far as can be.
template <typename Distance>
std::vector<size_t> reranked(std::vector<size_t> order, size_t first, Distance distance) {
    std::vector<std::pair<double, size_t>> rows;
    for (size_t i = 0; i < std::min(first, order.size()); i++) {
        const double d = distance(order[i]);
        rows.push_back({std::isnan(d) ? std::numeric_limits<double>::infinity() : d, order[i]});
    }
    std::stable_sort(rows.begin(), rows.end(),
                     [](const auto &a, const auto &b) { return a.first < b.first; });
    for (size_t i = 0; i < rows.size(); i++) order[i] = rows[i].second;
    return order;
}

// How many of the first k are the same rows; `a` and `b` are rankings.
size_t common_rows(const std::vector<size_t> &a, const std::vector<size_t> &b, size_t k) {
    std::vector<size_t> first(a.begin(), a.begin() + k), second(b.begin(), b.begin() + k), both;
    std::sort(first.begin(), first.end());
    std::sort(second.begin(), second.end());
    std::set_intersection(first.begin(), first.end(), second.begin(), second.end(), std::back_inserter(both));
    return both.size();
}

}  // namespace

Quality code_quality(CodeView queries, const int32_t *query_labels, CodeView collection,
                     const int32_t *labels, const EvaluateOptions &options, StopFlag stop) {
    check_codes(queries, collection, options);
    return measure(CodeRanking(queries, collection), queries.rows, MeasureSums(query_labels, labels, options),
                   options, stop);
}

Quality float_quality(MatrixView queries, const int32_t *query_labels, MatrixView collection,
                      const int32_t *labels, const EvaluateOptions &options, StopFlag stop) {
    check_floats(queries, collection, options);
    Quality quality = measure(FloatRanking(queries, collection), queries.rows,
                              MeasureSums(query_labels, labels, options), options, stop);
    quality.recall_within_radius = kNotDefined;
    return quality;
}

BitStatistics bit_statistics(CodeView codes, StopFlag stop) {
    torch::NoGradGuard no_grad;
    constexpr size_t kBlock = 1024;
    const int64_t bits = codes.bits;
    auto sum = torch::zeros({bits}, torch::kDouble), products = torch::zeros({bits, bits}, torch::kDouble);
    for (size_t begin = 0; begin < codes.rows; begin += kBlock) {
        look_for_stop(stop);
        int64_t rows = std::min(kBlock, codes.rows - begin);
        auto values = torch::empty({rows, bits});
        float *to = values.data_ptr<float>();
        for (int64_t i = 0; i < rows; i++)
            for (int64_t bit = 0; bit < bits; bit++)
                *to++ = codes.data[(begin + i) * (bits / 8) + bit / 8] >> (7 - bit % 8) & 1;
        sum += values.sum(0, false, torch::kDouble);
        products += torch::mm(values.t(), values);
    }
    auto share = sum / static_cast<double>(codes.rows), balance = (share - 0.5).abs();
    auto covariance = products / static_cast<double>(codes.rows) - torch::outer(share, share);
    auto deviation = covariance.diagonal().clamp_min(0).sqrt();
    auto correlation = (covariance / torch::outer(deviation, deviation).clamp_min(1e-12)).abs();
    auto others = correlation.sum() - correlation.diagonal().sum();
    return {balance.mean().item<double>(), balance.max().item<double>(),
            bits > 1 ? others.item<double>() / (bits * (bits - 1)) : 0};
}

std::vector<uint8_t> hash_all(const Hasher &hasher, MatrixView embeddings, StopFlag stop) {
    require(embeddings.columns == hasher.input_length(), "the hasher does not fit the embeddings");
    constexpr size_t kBlock = 64;
    size_t bytes = hasher.bits() / 8;
    std::vector<uint8_t> codes(embeddings.rows * bytes);
    for (size_t i = 0; i < embeddings.rows; i++) {
        if (i % kBlock == 0) look_for_stop(stop);
        hasher.hash(embeddings.data + i * embeddings.columns, &codes[i * bytes]);
    }
    return codes;
}

Evaluation evaluate(const Hasher &hasher, const LearnSet &queries, const LearnSet &collection,
                    const EvaluateOptions &options, StopFlag stop) {
    check_floats(embeddings_of(queries), embeddings_of(collection), options);
    std::vector<uint8_t> query_codes = hash_all(hasher, embeddings_of(queries), stop),
                         codes = hash_all(hasher, embeddings_of(collection), stop);
    CodeView rows{codes.data(), collection.rows, hasher.bits()};
    CodeRanking by_code({query_codes.data(), queries.rows, hasher.bits()}, rows);
    FloatRanking by_cosine(embeddings_of(queries), embeddings_of(collection));
    MeasureSums of_codes(queries.labels, collection.labels, options),
        of_floats = of_codes, by_logits = of_codes, by_embedding = of_codes;
    std::vector<float> logits(hasher.bits());
    size_t ranked = collection.rows - (options.self ? 1 : 0), k = std::min(options.precision_k, ranked),
           kept = 0;
    for (size_t q = 0; q < queries.rows; q++) {
        look_for_stop(stop);
        const auto &a = by_code.rank(q, own_row(options, q), stop);
        const auto &b = by_cosine.rank(q, own_row(options, q), stop);
        hasher.logits(queries.embeddings + q * queries.length, logits.data());
        auto asymmetric = [&](size_t row) {
            return asymmetric_distance(logits.data(), &codes[row * (hasher.bits() / 8)], hasher.bits());
        };
        auto angle = [&](size_t row) { return -by_cosine.cosine(q, row); };
        of_codes.add(q, a, by_code);
        of_floats.add(q, b, by_cosine);
        by_logits.add(q, reranked(a, options.rerank, asymmetric), by_code);
        by_embedding.add(q, reranked(a, options.rerank, angle), by_code);
        kept += common_rows(a, b, k);
    }
    BitStatistics bits = bit_statistics(rows, stop);
    Evaluation all{of_codes.means(),
                   of_floats.means(),
                   by_logits.means(),
                   by_embedding.means(),
                   static_cast<double>(kept) / (queries.rows * k),
                   bits.mean_balance,
                   bits.worst_balance,
                   bits.mean_correlation};
    all.embedding.recall_within_radius = kNotDefined;
    return all;
}

}  // namespace imagehash::semantic
