// How well codes, or embeddings, rank a collection: the measures of evaluate_hasher() and of the quality
// tables. types.h defines them (Quality, Evaluation).
//
// Kept free of training and of images so that the same numbers can be asked of any hasher on any collection.
// Must not include PostgreSQL or OpenCV, and no LibTorch in this header.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "semantic/hasher/hasher.h"
#include "semantic/train/matrix_view.h"
#include "semantic/types.h"

namespace imagehash::semantic {

// Codes owned by the caller: data[rows][bits / 8].
struct CodeView {
    const uint8_t *data;
    size_t rows;
    int bits;
};

// Every query ranks the whole collection by Hamming distance; ties keep the collection's order. A result is
// relevant where its label is the query's. Without options.self a query that is part of the collection finds
// itself. Throws Error(bad_argument) where lengths differ or a side is empty, Error(cancelled).
Quality code_quality(CodeView queries, const int32_t *query_labels, CodeView collection,
                     const int32_t *labels, const EvaluateOptions &options, StopFlag stop = nullptr);

// The same by cosine of float rows.
Quality float_quality(MatrixView queries, const int32_t *query_labels, MatrixView collection,
                      const int32_t *labels, const EvaluateOptions &options, StopFlag stop = nullptr);

struct BitStatistics {
    double mean_balance;
    double worst_balance;
    double mean_correlation;
};
BitStatistics bit_statistics(CodeView codes, StopFlag stop = nullptr);

// hasher.hash() of every row: [rows][bits / 8].
std::vector<uint8_t> hash_all(const Hasher &hasher, MatrixView embeddings, StopFlag stop = nullptr);

// All measures of a hasher. Where the labels are null, those that need labels are NaN.
Evaluation evaluate(const Hasher &hasher, const LearnSet &queries, const LearnSet &collection,
                    const EvaluateOptions &options, StopFlag stop = nullptr);

}  // namespace imagehash::semantic
