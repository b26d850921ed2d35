// Embeddings of the shipped network, and the file they are handed on in.
#pragma once

#include <string>
#include <vector>

#include "semantic/train/trainer.h"

namespace imagehash::tools {

// A file of one byte a value: value = 6 * (byte / 255)^2. Returns [n][kShippedLength], row-major; dies where
// it is something else.
std::vector<float> read_embeddings(const std::string &path);

// [n][kShippedLength]; the embeddings must outlive it.
semantic::MatrixView view(const std::vector<float> &embeddings);

}  // namespace imagehash::tools
