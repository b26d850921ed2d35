// Rows of gray and of YCbCr to BGR, with the colors of libjpeg-turbo, bit for bit.
#pragma once

#include <cstdint>

namespace imagehash::vision {

void gray_to_bgr(const uint8_t *gray, int width, uint8_t *bgr);

// A sample of chroma stands for h_expand pixels. `step` is the distance of two samples of cb, and of cr, in
// bytes: 1 or 2.
void ycc_to_bgr(const uint8_t *y, const uint8_t *cb, const uint8_t *cr, int step, int h_expand, int width,
                uint8_t *bgr);

}  // namespace imagehash::vision
