// Encoded bytes -> pixels: 8-bit BGR, upright, without alpha.
//
// Libraries decode. This file decides which bytes they get (image_header.h), and evens out what they do
// differently from format to format and from version to version: orientation, alpha, depth, scale.
#pragma once

#include <opencv2/core.hpp>

#include "base/status.h"
#include "base/types.h"
#include "vision/types.h"

namespace imagehash::vision {

// Decodes an image of a supported format. Throws Error: bad_image, unsupported, cancelled, out_of_memory, or
// too_large for an image beyond a limit, before memory is allocated for pixels.
//
// min_short_side > 0 allows a smaller scale: a JPEG is decoded at the smallest of 1/8, 1/4 and 1/2 that
// leaves at least so many pixels on its short side. This saves most of the work when a large photo becomes a
// small input.
cv::Mat decode(Bytes image, const Limits &limits, int min_short_side = 0);

// Turns stored pixels upright; orientation as in EXIF, 1 to 8. May return the image itself, not a copy.
cv::Mat apply_orientation(const cv::Mat &image, int orientation);

}  // namespace imagehash::vision
