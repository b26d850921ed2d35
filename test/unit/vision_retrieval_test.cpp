// Retrieval measures on cases small enough to compute by hand.
#include "vision/retrieval.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "vision/status.h"

namespace imagehash::vision {
namespace {

// Collection at distances 0, 1, 2, 3 from the query 0x00, not in that order.
const std::vector<uint8_t> kCodes = {0x07, 0x00, 0x03, 0x01};
const std::vector<uint8_t> kQuery = {0x00};

RetrievalQuality by_code(const std::vector<int32_t> &labels, size_t k,
                         const std::vector<uint8_t> &codes = kCodes) {
    const int32_t query_label = 1;
    return code_quality({kQuery.data(), 1, 8}, &query_label, {codes.data(), codes.size(), 8}, labels.data(),
                        k);
}

TEST(Retrieval, AveragePrecisionByHand) {
    // In order of distance the rows are 1, 3, 2, 0; relevant are 1 and 2: (1/1 + 2/3) / 2.
    RetrievalQuality q = by_code({0, 1, 1, 0}, 4);
    EXPECT_DOUBLE_EQ(q.mean_average_precision, (1.0 + 2.0 / 3) / 2);
    EXPECT_DOUBLE_EQ(q.precision_at_10, 0.5);
}

TEST(Retrieval, DividesByTheRelevantOnesAmongTheFirstK) {
    // The second relevant one is ranked third, beyond k.
    EXPECT_DOUBLE_EQ(by_code({0, 1, 1, 0}, 2).mean_average_precision, 1.0);
    EXPECT_DOUBLE_EQ(by_code({0, 0, 1, 0}, 2).mean_average_precision, 0.0);
    EXPECT_DOUBLE_EQ(by_code({1, 0, 0, 0}, 4).mean_average_precision, 0.25);
}

TEST(Retrieval, KMayExceedTheCollection) {
    EXPECT_DOUBLE_EQ(by_code({0, 1, 1, 0}, 1000).mean_average_precision, (1.0 + 2.0 / 3) / 2);
}

TEST(Retrieval, TiesKeepTheOrderOfTheCollection) {
    // Distances 1, 1, 0, 1: ranks are rows 2, 0, 1, 3.
    const std::vector<uint8_t> codes = {0x80, 0x01, 0x00, 0x10};
    EXPECT_DOUBLE_EQ(by_code({1, 0, 0, 0}, 4, codes).mean_average_precision, 1.0 / 2);
    EXPECT_DOUBLE_EQ(by_code({0, 1, 0, 0}, 4, codes).mean_average_precision, 1.0 / 3);
    EXPECT_DOUBLE_EQ(by_code({0, 0, 0, 1}, 4, codes).mean_average_precision, 1.0 / 4);
    EXPECT_DOUBLE_EQ(by_code({0, 0, 0, 1}, 3, codes).mean_average_precision, 0.0);
}

TEST(Retrieval, PrecisionCountsTheFirstTen) {
    std::vector<uint8_t> codes(20, 0);
    std::vector<int32_t> labels(20, 0);
    for (int i : {0, 3, 9, 10, 15}) labels[i] = 1;
    EXPECT_DOUBLE_EQ(by_code(labels, 1000, codes).precision_at_10, 0.3);
    // k below ten: precision over what is ranked.
    EXPECT_DOUBLE_EQ(by_code(labels, 4, codes).precision_at_10, 0.5);
}

TEST(Retrieval, MeanOverQueries) {
    const std::vector<uint8_t> queries = {0x00, 0xFF};
    const std::vector<int32_t> query_labels = {1, 0}, labels = {0, 1, 1, 0};
    // The second query ranks rows 0, 2, 3, 1; relevant are 0 and 3: (1/1 + 2/3) / 2.
    RetrievalQuality q =
        code_quality({queries.data(), 2, 8}, query_labels.data(), {kCodes.data(), 4, 8}, labels.data(), 2);
    EXPECT_DOUBLE_EQ(q.mean_average_precision, (1.0 + 1.0) / 2);
}

TEST(Retrieval, CodesOfOddWidthCompareAllTheirBits) {
    // 72 bits: the last byte alone tells the rows apart.
    std::vector<uint8_t> codes(18, 0);
    codes[8] = 0xFF;
    const std::vector<uint8_t> query(9, 0);
    const int32_t query_label = 1, labels[] = {0, 1};
    RetrievalQuality q = code_quality({query.data(), 1, 72}, &query_label, {codes.data(), 2, 72}, labels, 2);
    EXPECT_DOUBLE_EQ(q.mean_average_precision, 1.0);
}

TEST(Retrieval, FloatsRankByCosineAndTiesByOrder) {
    // Cosines to (1, 0): 0, 1, 1 (a longer vector), 0.6, -1.
    const std::vector<float> rows = {0, 1, 2, 0, 9, 0, 3, 4, -1, 0}, query = {5, 0};
    const int32_t query_label = 1;
    auto map = [&](std::vector<int32_t> labels, size_t k) {
        return float_quality({query.data(), 1, 2}, &query_label, {rows.data(), 5, 2}, labels.data(), k)
            .mean_average_precision;
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
    EXPECT_DOUBLE_EQ(float_quality(view, labels.data(), view, labels.data(), 10).mean_average_precision, 1.0);
}

TEST(Retrieval, NeighbourOverlapByHand) {
    // By cosine rows 1 and 3 are nearest, by code rows 1 and 2.
    const std::vector<float> rows = {0, 1, 1, 0, 1, 2, 2, 1}, query = {1, 0};
    MatrixView queries{query.data(), 1, 2}, collection{rows.data(), 4, 2};
    CodeView query_codes{kQuery.data(), 1, 8};
    const std::vector<uint8_t> codes = {0xFF, 0x00, 0x01, 0x03};
    EXPECT_DOUBLE_EQ(neighbour_overlap(queries, query_codes, collection, {codes.data(), 4, 8}, 2), 0.5);
    EXPECT_DOUBLE_EQ(neighbour_overlap(queries, query_codes, collection, {codes.data(), 4, 8}, 4), 1.0);
    EXPECT_THROW(neighbour_overlap(queries, query_codes, collection, {codes.data(), 3, 8}, 2), Error);
}

TEST(Retrieval, RefusesWhatCannotBeCompared) {
    const int32_t label = 0;
    const std::vector<uint8_t> codes(4, 0);
    EXPECT_THROW(code_quality({codes.data(), 1, 8}, &label, {codes.data(), 1, 16}, &label, 1), Error);
    EXPECT_THROW(code_quality({codes.data(), 1, 8}, &label, {codes.data(), 0, 8}, &label, 1), Error);
    EXPECT_THROW(code_quality({codes.data(), 1, 8}, &label, {codes.data(), 1, 8}, &label, 0), Error);
    const std::vector<float> rows(4, 1);
    EXPECT_THROW(float_quality({rows.data(), 1, 2}, &label, {rows.data(), 1, 3}, &label, 1), Error);
    Hasher hasher({{2, 8, std::vector<float>(16, 1), std::vector<float>(8, 0)}});
    EXPECT_THROW(hash_all(hasher, {rows.data(), 1, 3}), Error);
}

}  // namespace
}  // namespace imagehash::vision
