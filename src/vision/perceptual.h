// Classic perceptual hashes of decoded pixels: 64 bits, row by row, the first bit the highest.
//
// Definitions and bit order are those of Python's ImageHash (github.com/JohannesBuchner/imagehash), so that
// hashes made there can be compared with ours. Resampling is OpenCV's, not Pillow's: a few bits can differ.
// Input: 8-bit BGR of any size.
#pragma once

#include <cstdint>

#include <opencv2/core.hpp>

namespace imagehash::vision {

// 8x8 grey; a bit is set where a pixel is above the mean. N. Krawetz, "Looks Like It", hackerfactor.com,
// 2011.
uint64_t average_hash(const cv::Mat &bgr);

// 9x8 grey; a bit is set where a pixel is brighter than its left neighbour. N. Krawetz, "Kind of Like That",
// hackerfactor.com, 2013.
uint64_t difference_hash(const cv::Mat &bgr);

// 32x32 grey, DCT-II, the 8x8 lowest frequencies; a bit is set where a coefficient is above their median.
// N. Krawetz, "Looks Like It"; ImageHash's phash().
uint64_t perceptual_hash(const cv::Mat &bgr);

}  // namespace imagehash::vision
