// Rankings and their measures; see retrieval.h for the definitions.
#include "vision/retrieval.h"

#include <torch/torch.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "vision/status.h"

namespace imagehash::vision {

namespace {

constexpr size_t kPrecisionAt = 10;
constexpr int64_t kQueriesAtOnce = 64;  // rows of the cosine table held in memory

void check(bool good, const char *message) {
    if (!good) throw Error(ErrorKind::bad_argument, message);
}

// Codes as 64-bit words, the last one padded with zeros: no bit of difference in the padding.
std::vector<uint64_t> to_words(CodeView codes) {
    size_t bytes = codes.bits / 8, words = (bytes + 7) / 8;
    std::vector<uint64_t> out(codes.rows * words, 0);
    for (size_t i = 0; i < codes.rows; i++) std::memcpy(&out[i * words], codes.data + i * bytes, bytes);
    return out;
}

// The first k of the collection in the order of distance, then position: a counting sort over the few
// distances.
class CodeRanking {
 public:
    CodeRanking(CodeView queries, CodeView collection, size_t k)
        : bits_(collection.bits),
          words_((bits_ / 8 + 7) / 8),
          k_(std::min(k, collection.rows)),
          queries_(to_words(queries)),
          collection_(to_words(collection)),
          distances_(collection.rows),
          order_(k_) {}

    const std::vector<size_t> &rank(size_t query) {
        const uint64_t *q = &queries_[query * words_], *c = collection_.data();
        std::vector<size_t> start(bits_ + 2, 0);
        for (int &distance : distances_) {
            distance = 0;
            for (size_t w = 0; w < words_; w++) distance += __builtin_popcountll(q[w] ^ *c++);
            start[distance + 1]++;
        }
        std::partial_sum(start.begin(), start.end(), start.begin());
        for (size_t i = 0; i < distances_.size(); i++) {
            size_t place = start[distances_[i]]++;
            if (place < k_) order_[place] = i;
        }
        return order_;
    }

 private:
    int bits_;
    size_t words_, k_;
    std::vector<uint64_t> queries_, collection_;
    std::vector<int> distances_;
    std::vector<size_t> order_;
};

class FloatRanking {
 public:
    FloatRanking(MatrixView queries, MatrixView collection, size_t k)
        : k_(std::min(k, collection.rows)),
          queries_(unit_rows(queries)),
          collection_(unit_rows(collection).t()),
          order_(collection.rows) {}

    const std::vector<size_t> &rank(size_t query) {
        torch::NoGradGuard no_grad;
        int64_t begin = query / kQueriesAtOnce * kQueriesAtOnce;
        if (begin != begin_) {
            int64_t count = std::min(kQueriesAtOnce, queries_.size(0) - begin);
            cosines_ = torch::mm(queries_.narrow(0, begin, count), collection_).contiguous();
            begin_ = begin;
        }
        const float *cosine = cosines_.data_ptr<float>() + (query - begin) * cosines_.size(1);
        order_.resize(cosines_.size(1));
        std::iota(order_.begin(), order_.end(), size_t{0});
        std::partial_sort(order_.begin(), order_.begin() + k_, order_.end(), [cosine](size_t a, size_t b) {
            return cosine[a] != cosine[b] ? cosine[a] > cosine[b] : a < b;
        });
        order_.resize(k_);
        return order_;
    }

 private:
    static torch::Tensor unit_rows(MatrixView m) {
        auto rows = torch::from_blob(const_cast<float *>(m.data), {static_cast<int64_t>(m.rows), m.columns});
        return rows / rows.norm(2, 1, true).clamp_min(1e-30);
    }

    size_t k_;
    torch::Tensor queries_, collection_, cosines_;
    int64_t begin_ = -1;
    std::vector<size_t> order_;
};

template <typename Ranking>
RetrievalQuality measure(Ranking ranking, size_t queries, const int32_t *query_labels,
                         const int32_t *labels) {
    RetrievalQuality sums{0, 0};
    for (size_t q = 0; q < queries; q++) {
        const std::vector<size_t> &order = ranking.rank(q);
        size_t relevant = 0, first = std::min(kPrecisionAt, order.size());
        double precisions = 0;
        for (size_t i = 0; i < order.size(); i++) {
            if (labels[order[i]] == query_labels[q]) precisions += static_cast<double>(++relevant) / (i + 1);
            if (i + 1 == first) sums.precision_at_10 += static_cast<double>(relevant) / first;
        }
        if (relevant > 0) sums.mean_average_precision += precisions / relevant;
    }
    return {sums.mean_average_precision / queries, sums.precision_at_10 / queries};
}

void check_codes(CodeView queries, CodeView collection, size_t k) {
    check(queries.rows > 0 && collection.rows > 0 && k > 0,
          "retrieval quality needs queries and a collection");
    check(collection.bits > 0 && collection.bits % 8 == 0, "code length is not a multiple of 8 bits");
    check(queries.bits == collection.bits, "queries and collection have codes of different lengths");
}

void check_floats(MatrixView queries, MatrixView collection, size_t k) {
    check(queries.rows > 0 && collection.rows > 0 && k > 0,
          "retrieval quality needs queries and a collection");
    check(queries.columns == collection.columns,
          "queries and collection have embeddings of different lengths");
}

}  // namespace

RetrievalQuality code_quality(CodeView queries, const int32_t *query_labels, CodeView collection,
                              const int32_t *labels, size_t k) {
    check_codes(queries, collection, k);
    return measure(CodeRanking(queries, collection, k), queries.rows, query_labels, labels);
}

RetrievalQuality float_quality(MatrixView queries, const int32_t *query_labels, MatrixView collection,
                               const int32_t *labels, size_t k) {
    check_floats(queries, collection, k);
    return measure(FloatRanking(queries, collection, k), queries.rows, query_labels, labels);
}

double neighbour_overlap(MatrixView queries, CodeView query_codes, MatrixView collection, CodeView codes,
                         size_t k) {
    check_codes(query_codes, codes, k);
    check_floats(queries, collection, k);
    check(queries.rows == query_codes.rows && collection.rows == codes.rows,
          "not one code for each embedding");
    CodeRanking by_code(query_codes, codes, k);
    FloatRanking by_cosine(queries, collection, k);
    size_t common = 0;
    for (size_t q = 0; q < queries.rows; q++) {
        std::vector<size_t> a = by_code.rank(q), b = by_cosine.rank(q), both;
        std::sort(a.begin(), a.end());
        std::sort(b.begin(), b.end());
        std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
        common += both.size();
    }
    return static_cast<double>(common) / (queries.rows * std::min(k, collection.rows));
}

std::vector<uint8_t> hash_all(const Hasher &hasher, MatrixView embeddings) {
    check(embeddings.columns == hasher.input_length(), "the hasher does not fit the embeddings");
    size_t bytes = hasher.bits() / 8;
    std::vector<uint8_t> codes(embeddings.rows * bytes);
    for (size_t i = 0; i < embeddings.rows; i++)
        hasher.hash(embeddings.data + i * embeddings.columns, &codes[i * bytes]);
    return codes;
}

}  // namespace imagehash::vision
