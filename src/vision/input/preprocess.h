// Pixels -> the input of a network, by the preprocessing that its weights were trained with
// (base/preprocessing.h).
//
// Writes into the caller's memory, so that batches can be assembled without copies.
#pragma once

#include <opencv2/core.hpp>

#include "base/preprocessing.h"

namespace imagehash::vision {

// The least short side, in pixels, of an image that need not be enlarged.
inline int wanted_short_side(const Preprocessing &preprocessing) {
    return preprocessing.short_side ? preprocessing.short_side : preprocessing.side;
}

// 8-bit BGR of any size -> 8-bit BGR, side x side. The image is resized so that its short side is short_side
// (area average when it shrinks, bicubic when it grows), and its center cut out. If short_side is 0, the
// whole image is resized to side x side. The ends of an image more than four times as long as wide are cut
// off first: none of them reaches the center, and a resized strip of 1x10000 pixels would have 650 million.
cv::Mat input_view(const cv::Mat &bgr, const Preprocessing &preprocessing);

// 8-bit BGR side x side -> out[side][side][3]: one image of a channels-last batch.
void write_input(const cv::Mat &view, const Preprocessing &preprocessing, float *out);

}  // namespace imagehash::vision
