// PDQ, the perceptual hash of Facebook's ThreatExchange: 256 bits and a quality.
//
// After "The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm" (Facebook, 2019) and the
// arithmetic of its C++ reference (github.com/facebook/ThreatExchange, pdq/cpp/hashing and downscaling,
// BSD-3; Copyright (c) Meta Platforms). On the same pixels the bits are those of Python's pdqhash, which
// wraps the reference. The reference's command-line tools first take every n-th pixel of an image of more
// than 512 pixels a side, so up to a tenth of their bits may differ. The reference's own tests allow 16 of
// 256 bits between decoders.
#pragma once

#include <cstdint>

#include <opencv2/core.hpp>

#include "vision/types.h"

namespace imagehash::vision {

// Returns the quality of `bgr` (8-bit BGR of any size), 0 to 100: how much detail there is, as the sum of the
// gradients of the picture at 64x64. Hashes of images of quality below 50 mean little. An image with a side
// of less than 5 pixels has quality 0 and a hash of zeros.
//
// `out` receives the hashes of the first `variants` dihedral variants: the picture as it is, turned by 90,
// 180 and 270 degrees counterclockwise, mirrored top to bottom, mirrored left to right, on the main diagonal
// and on the other diagonal. All are computed from the frequencies of the first. Bits are in the order of
// PDQ's hexadecimal text: the lowest frequencies last.
int pdq_hash(const cv::Mat &bgr, int variants, uint8_t (*out)[kPdqBytes]);

}  // namespace imagehash::vision
