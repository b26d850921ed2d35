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
// 2013. Two passes of one picture as a pair among strangers: T. Chen et al., "A simple framework for
// contrastive learning of visual representations", 2020; on codes: Z. Qiu et al., "Unsupervised hashing with
// contrastive information bottleneck", 2021.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "semantic/hasher/hasher.h"
#include "semantic/types.h"

namespace imagehash::semantic {

// Row-major floats owned by the caller: data[rows][columns].
struct MatrixView {
    const float *data;
    size_t rows;
    int columns;
};

inline MatrixView embeddings_of(const LearnSet &set) {
    return {set.embeddings, set.rows, set.length};
}
inline LearnSet unlabelled(MatrixView rows) {
    return {rows.data, rows.rows, rows.columns, nullptr, 0, nullptr};
}

// The linear classifier that once followed the network: logits = weight * embedding + bias, on raw
// embeddings.
struct Classifier {
    int classes;
    int input;
    std::vector<float> weight;  // [classes][input]
    std::vector<float> bias;    // [classes]
};

using ProgressFunction = std::function<void(const TrainProgress &)>;
// True ends the work with Error(cancelled). May be empty.

// One training, epoch after epoch; learn.h says what the options mean and what is remembered. The set must
// outlive it. `classifier` may be null where kl_weight is 0. Every function throws Error(bad_argument) for
// options out of range, too few rows or values that are not finite, and Error(cancelled).
class Trainer {
 public:
    Trainer(const LearnSet &set, const Classifier *classifier, const TrainOptions &options,
            StopFlag stop = nullptr);
    ~Trainer();
    Trainer(const Trainer &) = delete;
    Trainer &operator=(const Trainer &) = delete;

    // False after the last one. The first may be a try of ITQ (learn.h).
    bool epoch(TrainProgress &progress, StopFlag stop = nullptr);
    // Of the best epoch; ends the training. Reads all rows once.
    Hasher finish(StopFlag stop = nullptr);

 private:
    class Loop;
    std::unique_ptr<Loop> loop_;
};

struct TrainResult {
    Hasher hasher;
    TrainProgress last;  // the report of the last epoch
};

// All epochs of a Trainer. `progress` and `stop` may be empty.
TrainResult train_autoencoder(const LearnSet &set, const Classifier *classifier, const TrainOptions &options,
                              const ProgressFunction &progress = {}, StopFlag stop = nullptr);

}  // namespace imagehash::semantic
