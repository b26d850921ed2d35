// The second door of src/vision: training and measuring hashers, for PostgreSQL (src/pg/vision_*.cpp) and for
// the tools in models/.
//
// Plain types; no function throws. A training is a handle that is driven epoch by epoch, so that the caller
// can report and look for interrupts between two of them; within one the stop flag is polled at least every
// 200 ms of work (a batch, a block of rows, one factorisation), for embeddings of up to 2,048 values.
// Must not include PostgreSQL, OpenCV or LibTorch.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vision/api.h"
#include "common/status.h"

namespace imagehash::vision {

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

// The recipe that was measured best (models/README.md) for so many bits and what the set has.
TrainOptions default_options(int bits, const LearnSet &set) noexcept;

// What train_begin() checks of the options, for who wants to know before there is a row: ranges, and what the
// options demand of each other, of the length of the embeddings and of the views a row (0: none).
Status check_train_options(const TrainOptions &options, int length, int views) noexcept;
// And what they demand of the number of rows. More rows than are enough are enough.
Status check_train_rows(const TrainOptions &options, size_t rows) noexcept;

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

struct Training;

// Checks options and set (ErrorKind::bad_argument), and prepares: with start_from_itq that takes seconds.
// *training is null unless ok. Everything random comes from the seed: the same bytes come out for the same
// options and set, given the same LibTorch, BLAS, kind of CPU and number of threads.
//
// Memory beside the set: 24 bytes a weight (4 * hidden * (length + bits) of them at most), some ten batches
// of embeddings, and where ITQ takes part 20 * length^2 bytes and 5 * bits bytes a row: for 1,280 values and
// 256 bits about 60 MB, and 33 MB and 1.3 KB a row for ITQ.
Status train_begin(const LearnSet &set, const TrainOptions &options, StopFlag stop,
                   Training **training) noexcept;
// One epoch; *done after the last, or when patience ended. ITQ and random projection are done after one call.
Status train_epoch(Training *training, StopFlag stop, TrainProgress *progress, bool *done) noexcept;
// The best epoch's hasher as a file of hasher.h, once train_epoch() said done; owned by the training.
Status train_result(Training *training, Bytes *file) noexcept;
void train_free(Training *training) noexcept;

// Embeddings of a picture and of `views` augmented copies of it (augment.h): out[1 + views][length], not
// normalised, the clean one first, as embed() gives it. The same for the same seed and image bytes.
Status embed_views(NetworkId network, Bytes image, const Limits &limits, uint64_t seed, int views,
                   float *out) noexcept;

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
                                  // queries without any don't count. NaN for embeddings
};

struct Evaluation {
    Quality code;            // by Hamming distance; ties keep the collection's order
    Quality embedding;       // by cosine of the embeddings: the ceiling of a hasher that adds no knowledge
    double neighbours_kept;  // share of the precision_k nearest by cosine that are also among those by code
    // Over the collection's codes; 0 is best.
    double mean_bit_balance;  // mean over bits of |share of ones - 0.5|
    double worst_bit_balance;
    double mean_bit_correlation;  // mean over pairs of bits of |correlation|; a constant bit has none
};

struct EvaluateOptions {
    size_t k = 1000;
    size_t precision_k = 10;
    int radius = 2;
    // [queries.rows]: the row of the collection that is the query itself, left out of its ranking; or null
    // where no query is part of the collection.
    const size_t *self = nullptr;
};

// Lengths must be the hasher's. Rows without a label are relevant to nothing. Memory beside the sets: the
// codes, and 24 bytes a row of the collection for one query's ranking and 64 for the cosines.
Status evaluate_hasher(HasherId hasher, const LearnSet &queries, const LearnSet &collection,
                       const EvaluateOptions &options, StopFlag stop, Evaluation *out) noexcept;

}  // namespace imagehash::vision
