// Which options of a training for which task.
//
// Must not look at the values of a set, only at what it has and how much of it.
#pragma once

#include "semantic/types.h"

namespace imagehash::semantic {

// The options that were measured best for so many bits and what the set has.
TrainOptions default_options(int bits, const LearnSet &set) noexcept;

}  // namespace imagehash::semantic
