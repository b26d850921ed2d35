// How well codes, or embeddings, rank a collection: the measures the quality tables are made of.
//
// Kept free of training and of images so that the same numbers can be asked of any hasher on any collection.
// Must not include PostgreSQL or OpenCV, and no LibTorch in this header.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vision/hasher.h"
#include "vision/trainer.h"

namespace imagehash::vision {

// Codes owned by the caller: data[rows][bits / 8].
struct CodeView {
    const uint8_t *data;
    size_t rows;
    int bits;
};

struct RetrievalQuality {
    double mean_average_precision;  // 0 to 1
    double precision_at_10;         // 0 to 1; over fewer where the collection is smaller
};

// Every query ranks the whole collection by Hamming distance; ties keep the collection's order. A result is
// relevant where its label is the query's.
//
// mean_average_precision: mean over the queries of AP@k = (sum of precision@i over the relevant ranks i <= k)
// / (number of relevant results among the first k), 0 where there are none - the definition hashing papers
// use. A query that is part of the collection finds itself: keep the two apart. Throws Error(bad_argument)
// where the lengths differ or a side is empty.
RetrievalQuality code_quality(CodeView queries, const int32_t *query_labels, CodeView collection,
                              const int32_t *labels, size_t k);

// The same by cosine of float rows.
RetrievalQuality float_quality(MatrixView queries, const int32_t *query_labels, MatrixView collection,
                               const int32_t *labels, size_t k);

// Mean share of the k nearest by cosine that are also among the k nearest by code, 0 to 1: how much of the
// float ranking survives, for collections without labels. Row i of queries and query_codes is the same image,
// and so are rows of collection and codes.
double neighbour_overlap(MatrixView queries, CodeView query_codes, MatrixView collection, CodeView codes,
                         size_t k);

// hasher.hash() of every row: [rows][bits / 8].
std::vector<uint8_t> hash_all(const Hasher &hasher, MatrixView embeddings);

}  // namespace imagehash::vision
