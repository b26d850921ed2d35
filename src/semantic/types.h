// Types and limits of this library, for its rooms and its callers. api.h has the functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>

#include "base/preprocessing.h"
#include "base/status.h"
#include "base/stop.h"
#include "base/types.h"

namespace imagehash::semantic {

constexpr int kMaxEmbeddingLength = 65536;
constexpr int kShippedLength = 1280;  // values of the shipped network's embedding

// A network or hasher that this process has loaded; counted from 0.
using NetworkId = int;
using HasherId = int;

struct HasherShape {
    int input;  // values of an embedding
    int bits;
};

// Inputs that one forward pass of embed() takes at most. Two: measured (README.md), more of them cost more
// each.
constexpr int kEmbeddingBatch = 2;

// What a registered network gets to end by itself once the stop flag has said so. A forward pass of any use
// takes less.
constexpr int kGraceSeconds = 2;

// Row-major; owned by the caller, and must outlive a training that was begun with it: a training copies none
// of it.
struct LearnSet {
    const float *embeddings;  // [rows][length], raw, as the network gives them; only their direction counts
    size_t rows;
    int length;
    const float *views;     // [rows][views_per_row][length]: augmented copies of each row's picture; or null
    int views_per_row;      // 0 without
    const int32_t *labels;  // [rows], 0, 1, ... up to kMaxLabel; -1: this row has none; or null
};

constexpr int32_t kMaxLabel = 9999;
constexpr int kMaxItqLength = 8192;  // its covariance has length^2 values

enum class HasherAlgorithm {
    automatic,  // the autoencoder, or ITQ where that ranks the held-out rows clearly better. To choose it
                // needs a validation split and no label term; without them it is the autoencoder
    autoencoder,
    itq,
    random_projection
};

// What a hasher is trained for. The loss is the sum of the terms, each times its weight; a weight of 0 leaves
// a term out. Only algorithm, bits and seed matter to ITQ and random projection. Ranges: train_options.h.
struct TrainOptions {
    HasherAlgorithm algorithm = HasherAlgorithm::autoencoder;
    int bits = 256;    // a multiple of 8, 8 to 1024
    int hidden = 512;  // units between embedding and code, and again between code and reconstruction
    uint64_t seed = 1;
    int epochs = 20;
    int batch = 512;              // no more than the rows that are trained on
    double learning_rate = 3e-3;  // the top of the one-cycle schedule
    bool start_from_itq = false;  // the encoder begins as ITQ does; needs hidden >= 2 * bits, bits <= length
    double dropout = 0.0;         // share of the encoder's inputs set to zero in training
    double flip = 0.0;            // share of the code's bits turned over before decoding, in training

    double reconstruction_weight = 1.0;  // squared error of the rebuilt embedding, in standard deviations
    double commitment_weight = 0.1;      // (|h| - 1)^2: keeps the values before the sign near -1 and 1
    double kl_weight = 0.0;              // answers of a classifier; for the tools, which have one
    double contrastive_weight = 0.0;     // InfoNCE between two passes: two views where there are any, else
                                         // two draws of dropout
    double temperature = 0.3;            // of the contrastive term
    double label_weight = 0.0;           // cross-entropy of a linear layer on the code; needs labels

    double validation_share = 0.0;  // of the rows, at most 1,000, held out to choose the best epoch; 0: none,
                                    // and the last epoch counts
    int patience = 0;               // epochs without a better validation before it ends; 0: never
};

// An option of TrainOptions that has a name in SQL (train/train_options.cpp has the table of them).
using TrainOptionMember = std::variant<HasherAlgorithm TrainOptions::*, int TrainOptions::*,
                                       double TrainOptions::*, bool TrainOptions::*>;

struct TrainOption {
    const char *name;
    TrainOptionMember member;
    double low, high;  // of numbers; the limits belong to it but where said otherwise
    bool low_is_out, high_is_out;
    const char *default_value;  // for people: it may depend on what there is to learn from (recipes.cpp)
    const char *description;
};

constexpr int kTrainOptionCount = 15;

inline bool trains_autoencoder(HasherAlgorithm algorithm) {
    return algorithm == HasherAlgorithm::automatic || algorithm == HasherAlgorithm::autoencoder;
}

// Means over one epoch; a term with weight 0 is not computed and reads 0.
struct TrainProgress {
    int epoch;  // 1 to epochs; 0: ITQ, tried before the first one
    int epochs;
    double loss;
    double reconstruction;
    double commitment;
    double kl;
    double contrastive;
    double labels;
    double validation;  // 0 to 1, higher is better; NaN without a validation split. With labels the mean
                        // average precision by label among the held-out rows; else that of the ten whose
                        // surroundings (validation.h) are the most similar, asked with the codes of the
                        // views where there are any
    bool best;          // the best epoch so far, or there is no validation split
};

// How well a ranking finds the rows of the query's label. Means over the queries that have a label; NaN where
// none has.
struct Quality {
    // Average precision over the whole ranking: the sum of precision@i over the relevant ranks i, divided by
    // the relevant rows of the collection.
    double map;
    // The same over the first k, divided by the relevant ones among them, 0 where there are none: what
    // hashing papers call mAP@k.
    double map_at_k;
    double precision_at_k;        // over the first precision_k
    double recall_within_radius;  // share of the relevant rows at a Hamming distance of at most radius;
                                  // queries without any do not count. NaN for embeddings
};

struct Evaluation {
    Quality code;       // by Hamming distance; ties keep the collection's order
    Quality embedding;  // by cosine of the embeddings: the ceiling of a hasher that adds no knowledge
    // By code, but the first options.rerank rows of each ranking in another order: that of the asymmetric
    // distance of logits and code, or that of the embeddings' cosine.
    Quality reranked_by_logits;
    Quality reranked_by_embedding;
    double neighbors_kept;  // share of the precision_k nearest by cosine that are also among those by code
    // Over the collection's codes; 0 is best.
    double mean_bit_balance;  // mean over bits of |share of ones - 0.5|
    double worst_bit_balance;
    double mean_bit_correlation;  // mean over pairs of bits of |correlation|; a constant bit has none
};

struct EvaluateOptions {
    size_t k = 1000;
    size_t precision_k = 10;
    int radius = 2;
    size_t rerank = 100;  // rows
    // [queries.rows]: the row of the collection that is the query itself, left out of its ranking; or null
    // where no query is part of the collection.
    const size_t *self = nullptr;
};

}  // namespace imagehash::semantic
