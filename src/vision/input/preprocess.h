// Pixels -> a network's input, by the preprocessing its weights were made with (common/preprocessing.h).
//
// Writes into memory of the caller, so that batches and augmented views can be assembled without copies.
#pragma once

#include <opencv2/core.hpp>

#include "common/preprocessing.h"

namespace imagehash::vision {

// What the short side of the pixels should at least have, so that nothing is enlarged.
inline int wanted_short_side(const Preprocessing &preprocessing) {
    return preprocessing.short_side ? preprocessing.short_side : preprocessing.side;
}

// 8-bit BGR of any size -> 8-bit BGR, side x side. The short side becomes short_side (area average when
// shrinking, bicubic when enlarging), then the centre is cut out; or everything is squashed to side x side.
// Images more than four times as long as wide lose their ends first: nothing there reaches the centre, and a
// resized 1x10000 strip would have 650 million pixels.
cv::Mat input_view(const cv::Mat &bgr, const Preprocessing &preprocessing);

// 8-bit BGR side x side -> out[side][side][3]: one image of a channels-last batch.
void write_input(const cv::Mat &view, const Preprocessing &preprocessing, float *out);

}  // namespace imagehash::vision
