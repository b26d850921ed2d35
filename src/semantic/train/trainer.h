// Trains the deep autoencoder of semantic hashing: embeddings in, a Hasher out.
//
// Both train_hasher() and the tool that makes the shipped hasher call it, so it knows no command line, no
// file and no global random state. LibTorch's thread count stays as the caller set it. Must not include
// PostgreSQL or OpenCV, nor LibTorch in this header.
//
// R. Salakhutdinov, G. Hinton, "Semantic hashing", 2009; A. Krizhevsky, G. Hinton, "Using very deep
// autoencoders for content-based image retrieval", 2011. Binary codes by sign and straight-through gradient:
// Y. Bengio, N. Leonard, A. Courville, "Estimating or propagating gradients through stochastic neurons",
// 2013. Two passes of one picture as a pair among strangers: T. Chen et al., "A simple framework for
// contrastive learning of visual representations", 2020; on codes: Z. Qiu et al., "Unsupervised hashing with
// contrastive information bottleneck", 2021.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "semantic/hasher/hasher.h"
#include "semantic/train/matrix_view.h"
#include "semantic/types.h"

namespace imagehash::semantic {

// The linear classifier that once followed the network: logits = weight * embedding + bias, on raw
// embeddings.
struct Classifier {
    int classes;
    int input;
    std::vector<float> weight;  // [classes][input]
    std::vector<float> bias;    // [classes]
};

// Called after every epoch. May be empty.
using ProgressFunction = std::function<void(const TrainProgress &)>;

// One training, epoch after epoch. types.h says what the options mean, and api.h (train_begin) what a
// training needs and guarantees. The set must outlive it. `classifier` may be null where kl_weight is 0.
// Every function throws Error(bad_argument) for options out of range, too few rows or values that are not
// finite, and Error(cancelled) when stop says so.
class Trainer {
 public:
    Trainer(const LearnSet &set, const Classifier *classifier, const TrainOptions &options,
            StopFlag stop = nullptr);
    ~Trainer();
    Trainer(const Trainer &) = delete;
    Trainer &operator=(const Trainer &) = delete;

    // False after the last one. With HasherAlgorithm::automatic the first call may try ITQ instead of an
    // epoch.
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

// All epochs of a Trainer.
TrainResult train_autoencoder(const LearnSet &set, const Classifier *classifier, const TrainOptions &options,
                              const ProgressFunction &progress = {}, StopFlag stop = nullptr);

}  // namespace imagehash::semantic
