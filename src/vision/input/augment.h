// Augmented views: what may happen to a picture without making it another one, so that a hasher can learn to
// overlook it.
//
// The changes are those of contrastive learning (T. Chen et al., "A simple framework for contrastive learning
// of visual representations", 2020), milder, because the network that looks at them is not trained along.
#pragma once

#include <cstdint>
#include <random>

#include <opencv2/core.hpp>

#include "common/preprocessing.h"
#include "common/types.h"

namespace imagehash::vision {

using ViewRandom = std::mt19937_64;

// A generator for the views of one image: the same for the same seed and bytes.
ViewRandom view_random(uint64_t seed, Bytes image);

// 8-bit BGR of any size -> 8-bit BGR of the network's input (side x side): a crop of 40 to 100 % of the area,
// its shape 3:4 to 4:3 of the picture's, resized as input_view() does; mirrored every second time; brightness,
// contrast and saturation times 0.6 to 1.4; grey one time in five; through JPEG of quality 30 to 95 every
// second time.
cv::Mat augmented_view(const cv::Mat &bgr, const Preprocessing &preprocessing, ViewRandom &random);

}  // namespace imagehash::vision
