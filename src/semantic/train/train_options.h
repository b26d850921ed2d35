// The options of a training: one table of names, kinds, defaults, ranges and meanings, from which SQL reads
// them, the trainer checks them and the documentation is made.
//
// Plain C++17. Must not include PostgreSQL, OpenCV or LibTorch, and must not know how a training uses them.
#pragma once

#include <cstddef>
#include <variant>

#include "semantic/learn.h"

namespace imagehash::vision {

// Where an option lies; its alternative says which kind it is.
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

// In the order of HasherAlgorithm; ends with a null.
extern const char *const kHasherAlgorithmNames[];

constexpr int kTrainOptionCount = 15;
extern const TrainOption kTrainOptions[kTrainOptionCount];

// Rows are held out up to so many, whatever their share.
constexpr size_t kMaxHeldOut = 1000;
size_t held_out_rows(const TrainOptions &options, size_t rows);

inline bool trains_autoencoder(HasherAlgorithm algorithm) {
    return algorithm == HasherAlgorithm::automatic || algorithm == HasherAlgorithm::autoencoder;
}

// What learn.h's check_train_options() and check_train_rows() check; throw Error(bad_argument).
void check_options(const TrainOptions &options, int length, int views);
void check_rows(const TrainOptions &options, size_t rows);

}  // namespace imagehash::vision
