// Encoded bytes -> pixels: 8-bit BGR, upright, without alpha.
//
// Libraries do the decoding; this file decides what they get to see (image_header.h) and evens out what it
// does differently from format to format and version to version: orientation, alpha, depth, reduced decoding.
#pragma once

#include <opencv2/core.hpp>

#include "vision/codec/image_header.h"

namespace imagehash::vision {

// Decodes an image of an allowed format. Throws Error: bad_image, unsupported, out_of_memory, or too_large
// beyond a limit, before memory is allocated for pixels.
//
// min_short_side > 0 allows a reduction: a JPEG is decoded at the largest of 1/2, 1/4, 1/8 that leaves at
// least that many pixels on its short side, which saves most of the work where a large photo becomes a small
// input.
cv::Mat decode(Bytes image, const Limits &limits, int min_short_side = 0);

// Turns stored pixels upright; orientation as in EXIF, 1 to 8.
cv::Mat apply_orientation(const cv::Mat &image, int orientation);

}  // namespace imagehash::vision
