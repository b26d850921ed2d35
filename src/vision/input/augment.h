// Augmented views: random changes that leave a picture recognizable, so that a hasher can learn to ignore
// them.
//
// The changes are those of contrastive learning (T. Chen et al., "A simple framework for contrastive learning
// of visual representations", 2020). They are milder, because the network itself is not trained.
#pragma once

#include <cstdint>
#include <random>

#include <opencv2/core.hpp>

#include "base/preprocessing.h"
#include "base/types.h"

namespace imagehash::vision {

using ViewRandom = std::mt19937_64;

// A generator for the views of one image. It gives the same views for the same seed and bytes.
ViewRandom view_random(uint64_t seed, Bytes image);

// 8-bit BGR of any size -> 8-bit BGR, side x side. In this order: a crop of 40 to 100 % of the area, whose
// aspect ratio is 3/4 to 4/3 of the picture's, resized by input_view(); mirrored with probability 1/2;
// brightness, contrast and saturation times 0.6 to 1.4, gray with probability 1/5; compressed as JPEG of
// quality 30 to 95 with probability 1/2.
cv::Mat augmented_view(const cv::Mat &bgr, const Preprocessing &preprocessing, ViewRandom &random);

}  // namespace imagehash::vision
