// Trains the deep autoencoder of semantic hashing: embeddings in, a Hasher out.
//
// A library, so that the tool that makes the shipped hasher and a function inside a database can both call
// it: it knows no command line, no file and no global random state. Calls may come from any thread;
// LibTorch's own thread count is left as the caller set it. Must not include PostgreSQL or OpenCV; LibTorch
// stays inside trainer.cpp.
//
// R. Salakhutdinov, G. Hinton, "Semantic hashing", 2009; A. Krizhevsky, G. Hinton, "Using very deep
// autoencoders for content-based image retrieval", 2011. Binary codes by sign and straight-through gradient:
// Y. Bengio, N. Leonard, A. Courville, "Estimating or propagating gradients through stochastic neurons",
// 2013.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "vision/hasher.h"

namespace imagehash::vision {

// Row-major floats owned by the caller: data[rows][columns].
struct MatrixView {
    const float *data;
    size_t rows;
    int columns;
};

// The linear classifier that once followed the network: logits = weight * embedding + bias, on raw
// embeddings.
struct Classifier {
    int classes;
    int input;
    std::vector<float> weight;  // [classes][input]
    std::vector<float> bias;    // [classes]
};

// What the code is trained for. The loss is the sum of the terms, each times its weight; a weight of 0 leaves
// it out.
struct TrainOptions {
    int bits = 256;
    int hidden = 512;  // units between embedding and code, and again between code and reconstruction
    uint64_t seed = 1;
    int epochs = 20;
    int batch = 512;
    double learning_rate = 3e-3;  // the top of the one-cycle schedule
    bool start_from_itq = false;  // the encoder begins as ITQ does (baselines.h); needs hidden >= 2 * bits
    double dropout = 0.0;         // share of the encoder's inputs set to zero in training
    double flip = 0.0;            // share of the code's bits turned over before decoding, in training

    // Mean squared error of the rebuilt embedding, in standard deviations.
    double reconstruction_weight = 1.0;
    // Mean of (|h| - 1)^2: keeps the values before the sign near -1 and 1.
    double commitment_weight = 0.1;
    // KL from the classifier's answer on x to its answer on the reconstruction.
    double kl_weight = 0.0;
};

// Means over one epoch; a term with weight 0 is not computed and reads 0.
struct TrainProgress {
    int epoch;  // 1 to epochs
    double loss;
    double reconstruction;
    double commitment;
    double kl;
};

using ProgressFunction = std::function<void(const TrainProgress &)>;
// Polled once a batch; true ends the training.
using StopFunction = std::function<bool()>;

struct TrainResult {
    Hasher hasher;
    TrainProgress last;  // the report of the last epoch
};

// Fits an autoencoder to embeddings[n][d] (raw, as the network gives them; only their direction is learned).
// `classifier` may be null where kl_weight is 0. `progress` and `stop` may be empty.
//
// Everything random comes from options.seed: the same bytes come out for the same options and embeddings,
// given the same LibTorch, BLAS, kind of CPU and number of threads. Memory: one copy of the embeddings, and a
// few batches. Throws Error(bad_argument) for options out of range, too few rows or values that are not
// finite, Error(cancelled).
TrainResult train_autoencoder(MatrixView embeddings, const Classifier *classifier,
                              const TrainOptions &options, const ProgressFunction &progress = {},
                              const StopFunction &stop = {});

}  // namespace imagehash::vision
