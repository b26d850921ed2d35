// The classifier that was cut off the shipped network.
#pragma once

#include <string>

#include "semantic/train/trainer.h"

namespace imagehash::tools {

// A TorchScript linear layer, float[N,1280] -> float[N,classes]; dies where the file is something else.
semantic::Classifier read_classifier(const std::string &path);

}  // namespace imagehash::tools
