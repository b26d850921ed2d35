// Pixels -> the network's input, by the recipe the weights were checked with (models/README.md): short side
// 256, centre 224x224, RGB, (pixel - 127) / 128.
//
// Writes into memory of the caller, so that batches and augmented views can be assembled without copies.
#pragma once

#include <opencv2/core.hpp>

namespace imagehash::vision {

constexpr int kInputSide = 224;
constexpr int kResizedShortSide = 256;
constexpr int kInputFloats = kInputSide * kInputSide * 3;

// 8-bit BGR of any size -> 8-bit BGR, 224x224. The short side becomes 256 (area average when shrinking,
// bicubic when enlarging), then the centre is cut out. Images more than four times as long as wide lose their
// ends first: nothing there reaches the centre, and a resized 1x10000 strip would have 650 million pixels.
cv::Mat centre_view(const cv::Mat &bgr);

// 8-bit BGR 224x224 -> out[224][224][3], RGB: one image of a channels-last batch.
void write_input(const cv::Mat &view, float *out);

}  // namespace imagehash::vision
