// The options of a training: one table of names, kinds, defaults, ranges and meanings, from which SQL reads
// them, the trainer checks them and the documentation is made.
//
// Plain C++17. Must not include PostgreSQL, OpenCV or LibTorch, and must not know how a training uses them.
#pragma once

#include <cstddef>

#include "semantic/types.h"

namespace imagehash::semantic {

// In the order of HasherAlgorithm; ends with a null.
extern const char *const kHasherAlgorithmNames[];

extern const TrainOption kTrainOptions[kTrainOptionCount];

// Rows are held out up to so many, whatever their share.
constexpr size_t kMaxHeldOut = 1000;
size_t held_out_rows(const TrainOptions &options, size_t rows);

// What check_train_options() and check_train_rows() of api.h promise; throw Error(bad_argument).
void check_options(const TrainOptions &options, int length, int views);
void check_rows(const TrainOptions &options, size_t rows);

}  // namespace imagehash::semantic
