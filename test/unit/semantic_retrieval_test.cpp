// Retrieval measures on cases small enough to compute by hand.
#include "semantic/train/retrieval.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "base/status.h"

namespace imagehash::semantic {
namespace {

// Collection at distances 0, 1, 2, 3 from the query 0x00, not in that order.
const std::vector<uint8_t> kCodes = {0x07, 0x00, 0x03, 0x01};
const std::vector<uint8_t> kQuery = {0x00};

EvaluateOptions at(size_t k) {
    EvaluateOptions options;
    options.k = k;
    return options;
}

Quality by_code(const std::vector<int32_t> &labels, size_t k, const std::vector<uint8_t> &codes = kCodes) {
    const int32_t query_label = 1;
    return code_quality({kQuery.data(), 1, 8}, &query_label, {codes.data(), codes.size(), 8}, labels.data(),
                        at(k));
}

TEST(Retrieval, AveragePrecisionByHand) {
    // In order of distance the rows are 1, 3, 2, 0; relevant are 1 and 2: (1/1 + 2/3) / 2.
    Quality q = by_code({0, 1, 1, 0}, 4);
    EXPECT_DOUBLE_EQ(q.map_at_k, (1.0 + 2.0 / 3) / 2);
    EXPECT_DOUBLE_EQ(q.precision_at_k, 0.5);
}

TEST(Retrieval, DividesByTheRelevantOnesAmongTheFirstK) {
    // The second relevant one is ranked third, beyond k.
    EXPECT_DOUBLE_EQ(by_code({0, 1, 1, 0}, 2).map_at_k, 1.0);
    EXPECT_DOUBLE_EQ(by_code({0, 0, 1, 0}, 2).map_at_k, 0.0);
    EXPECT_DOUBLE_EQ(by_code({1, 0, 0, 0}, 4).map_at_k, 0.25);
}

TEST(Retrieval, KMayExceedTheCollection) {
    EXPECT_DOUBLE_EQ(by_code({0, 1, 1, 0}, 1000).map_at_k, (1.0 + 2.0 / 3) / 2);
}

TEST(Retrieval, TiesKeepTheOrderOfTheCollection) {
    // Distances 1, 1, 0, 1: ranks are rows 2, 0, 1, 3.
    const std::vector<uint8_t> codes = {0x80, 0x01, 0x00, 0x10};
    EXPECT_DOUBLE_EQ(by_code({1, 0, 0, 0}, 4, codes).map_at_k, 1.0 / 2);
    EXPECT_DOUBLE_EQ(by_code({0, 1, 0, 0}, 4, codes).map_at_k, 1.0 / 3);
    EXPECT_DOUBLE_EQ(by_code({0, 0, 0, 1}, 4, codes).map_at_k, 1.0 / 4);
    EXPECT_DOUBLE_EQ(by_code({0, 0, 0, 1}, 3, codes).map_at_k, 0.0);
}

TEST(Retrieval, PrecisionCountsTheFirstTen) {
    std::vector<uint8_t> codes(20, 0);
    std::vector<int32_t> labels(20, 0);
    for (int i : {0, 3, 9, 10, 15}) labels[i] = 1;
    EXPECT_DOUBLE_EQ(by_code(labels, 1000, codes).precision_at_k, 0.3);
    // Fewer than ten rows: precision over what is ranked. k is the average precision's alone.
    codes.resize(4);
    EXPECT_DOUBLE_EQ(by_code(labels, 1, codes).precision_at_k, 0.5);
}

TEST(Retrieval, MeanOverQueries) {
    const std::vector<uint8_t> queries = {0x00, 0xFF};
    const std::vector<int32_t> query_labels = {1, 0}, labels = {0, 1, 1, 0};
    // The second query ranks rows 0, 2, 3, 1; relevant are 0 and 3: (1/1 + 2/3) / 2.
    Quality q = code_quality({queries.data(), 2, 8}, query_labels.data(), {kCodes.data(), 4, 8},
                             labels.data(), at(2));
    EXPECT_DOUBLE_EQ(q.map_at_k, (1.0 + 1.0) / 2);
}

TEST(Retrieval, CodesOfOddWidthCompareAllTheirBits) {
    // 72 bits: the last byte alone tells the rows apart.
    std::vector<uint8_t> codes(18, 0);
    codes[8] = 0xFF;
    const std::vector<uint8_t> query(9, 0);
    const int32_t query_label = 1, labels[] = {0, 1};
    Quality q = code_quality({query.data(), 1, 72}, &query_label, {codes.data(), 2, 72}, labels, at(2));
    EXPECT_DOUBLE_EQ(q.map_at_k, 1.0);
}

TEST(Retrieval, FloatsRankByCosineAndTiesByOrder) {
    // Cosines to (1, 0): 0, 1, 1 (a longer vector), 0.6, -1.
    const std::vector<float> rows = {0, 1, 2, 0, 9, 0, 3, 4, -1, 0}, query = {5, 0};
    const int32_t query_label = 1;
    auto map = [&](std::vector<int32_t> labels, size_t k) {
        return float_quality({query.data(), 1, 2}, &query_label, {rows.data(), 5, 2}, labels.data(), at(k))
            .map_at_k;
    };
    EXPECT_DOUBLE_EQ(map({0, 1, 0, 0, 0}, 5), 1.0);
    EXPECT_DOUBLE_EQ(map({0, 0, 1, 0, 0}, 5), 1.0 / 2);
    EXPECT_DOUBLE_EQ(map({0, 0, 0, 1, 0}, 5), 1.0 / 3);
    EXPECT_DOUBLE_EQ(map({1, 0, 0, 0, 0}, 5), 1.0 / 4);
    EXPECT_DOUBLE_EQ(map({0, 0, 0, 0, 1}, 5), 1.0 / 5);
    EXPECT_DOUBLE_EQ(map({0, 0, 0, 0, 1}, 4), 0.0);
}

TEST(Retrieval, ManyFloatQueriesCrossTheChunks) {
    // Each query is one of 150 axes; its own row is the only relevant one, and the nearest.
    const int n = 150;
    std::vector<float> rows(n * n, 0.0f);
    std::vector<int32_t> labels(n);
    for (int i = 0; i < n; i++) rows[i * n + i] = 1, labels[i] = i;
    MatrixView view{rows.data(), static_cast<size_t>(n), n};
    EXPECT_DOUBLE_EQ(float_quality(view, labels.data(), view, labels.data(), at(10)).map_at_k, 1.0);
}

TEST(Retrieval, WholeRankingAndRadius) {
    // In order of distance the rows are 1, 3, 2, 0 at 0, 1, 2, 3; relevant are 1 and 0.
    const int32_t label = 1, labels[] = {1, 1, 0, -1};
    EvaluateOptions options = at(2);
    options.precision_k = 2;
    options.radius = 2;
    auto measure = [&] {
        return code_quality({kQuery.data(), 1, 8}, &label, {kCodes.data(), 4, 8}, labels, options);
    };
    Quality q = measure();
    EXPECT_DOUBLE_EQ(q.map, (1.0 + 2.0 / 4) / 2);
    EXPECT_DOUBLE_EQ(q.map_at_k, 1.0);
    EXPECT_DOUBLE_EQ(q.precision_at_k, 0.5);
    EXPECT_DOUBLE_EQ(q.recall_within_radius, 0.5);
    options.radius = 3;
    EXPECT_DOUBLE_EQ(measure().recall_within_radius, 1.0);
    // The query is row 1 itself: left are 3, 2, 0.
    const size_t self[] = {1};
    options.self = self;
    EXPECT_DOUBLE_EQ(measure().map, 1.0 / 3);
    EXPECT_DOUBLE_EQ(measure().map_at_k, 0.0);
    const size_t beyond[] = {4};
    options.self = beyond;
    EXPECT_THROW(measure(), Error);
}

TEST(Retrieval, QueriesWithoutLabelsDontCount) {
    const std::vector<uint8_t> queries = {0x00, 0xFF};
    const int32_t query_labels[] = {1, -1}, labels[] = {0, 1, -1, -1};
    CodeView two{queries.data(), 2, 8}, rows{kCodes.data(), 4, 8};
    EXPECT_DOUBLE_EQ(code_quality(two, query_labels, rows, labels, at(4)).map, 1.0);
    EXPECT_TRUE(std::isnan(code_quality(two, nullptr, rows, nullptr, at(4)).map));
    const int32_t none[] = {-1, -1};
    EXPECT_TRUE(std::isnan(code_quality(two, none, rows, labels, at(4)).map));
}

TEST(Retrieval, BitsByHand) {
    // Bit 0 is set in half of the rows, bit 1 as bit 0, bit 2 against it, bit 3 always; the others never.
    const std::vector<uint8_t> codes = {0xD0, 0xD0, 0x30, 0x30};
    BitStatistics bits = bit_statistics({codes.data(), 4, 8});
    EXPECT_DOUBLE_EQ(bits.mean_balance, 5 * 0.5 / 8);
    EXPECT_DOUBLE_EQ(bits.worst_balance, 0.5);
    EXPECT_NEAR(bits.mean_correlation, 6.0 / (8 * 7), 1e-9);
}

// The signs of two values, four times each.
Hasher signs_of_two() {
    std::vector<float> weight(16, 0);
    for (int bit = 0; bit < 8; bit++) weight[(bit / 4) * 8 + bit] = 1;
    return Hasher({{2, 8, weight, std::vector<float>(8, 0)}});
}

TEST(Retrieval, EvaluatesCodesBesideFloats) {
    // As good as the cosine here.
    const Hasher hasher = signs_of_two();
    const std::vector<float> rows = {5, 1, 4, 1, -3, 1, -4, 1}, query = {2, 0.1f};
    const int32_t labels[] = {1, 1, 0, 0}, query_label = 1;
    EvaluateOptions options = at(4);
    options.precision_k = 2;
    options.radius = 0;
    LearnSet queries{query.data(), 1, 2, nullptr, 0, &query_label},
        collection{rows.data(), 4, 2, nullptr, 0, labels};
    Evaluation e = evaluate(hasher, queries, collection, options);
    EXPECT_DOUBLE_EQ(e.code.map, 1);
    EXPECT_DOUBLE_EQ(e.embedding.map, 1);
    EXPECT_DOUBLE_EQ(e.code.recall_within_radius, 1);
    EXPECT_TRUE(std::isnan(e.embedding.recall_within_radius));
    EXPECT_DOUBLE_EQ(e.neighbors_kept, 1);
    EXPECT_DOUBLE_EQ(e.worst_bit_balance, 0.5);
    EXPECT_THROW(evaluate(hasher, queries, collection, options, [] { return true; }), Error);
}

// Both rows differ from the query in one value, so that codes cannot tell them apart, and the first one wins.
TEST(Retrieval, ReranksTheFirstRows) {
    const Hasher hasher = signs_of_two();
    const std::vector<float> rows = {-1, 1, 1, -1, -1, -1}, query = {5, 1};
    const int32_t labels[] = {0, 1, 0}, query_label = 1;
    EvaluateOptions options = at(3);
    options.precision_k = 1;
    LearnSet queries{query.data(), 1, 2, nullptr, 0, &query_label},
        collection{rows.data(), 3, 2, nullptr, 0, labels};
    Evaluation e = evaluate(hasher, queries, collection, options);
    EXPECT_DOUBLE_EQ(e.code.map, 0.5);
    EXPECT_DOUBLE_EQ(e.reranked_by_logits.map, 1);
    EXPECT_DOUBLE_EQ(e.reranked_by_embedding.precision_at_k, 1);
    options.rerank = 1;
    e = evaluate(hasher, queries, collection, options);
    EXPECT_DOUBLE_EQ(e.reranked_by_logits.map, 0.5);
    EXPECT_DOUBLE_EQ(e.reranked_by_embedding.map, 0.5);
}

TEST(Retrieval, RefusesWhatCannotBeCompared) {
    const int32_t label = 0;
    const std::vector<uint8_t> codes(4, 0);
    EXPECT_THROW(code_quality({codes.data(), 1, 8}, &label, {codes.data(), 1, 16}, &label, at(1)), Error);
    EXPECT_THROW(code_quality({codes.data(), 1, 8}, &label, {codes.data(), 0, 8}, &label, at(1)), Error);
    EXPECT_THROW(code_quality({codes.data(), 1, 8}, &label, {codes.data(), 1, 8}, &label, at(0)), Error);
    const std::vector<float> rows(4, 1);
    EXPECT_THROW(float_quality({rows.data(), 1, 2}, &label, {rows.data(), 1, 3}, &label, at(1)), Error);
    Hasher hasher({{2, 8, std::vector<float>(16, 1), std::vector<float>(8, 0)}});
    EXPECT_THROW(hash_all(hasher, {rows.data(), 1, 3}), Error);
}

}  // namespace
}  // namespace imagehash::semantic
