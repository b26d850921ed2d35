// A picture from what jpeg_filter.h leaves of a JPEG: libjpeg's part as a JPEG of its own, and pixels from
// the planes of both. Colors are libjpeg's, bit for bit. Must not know libjpeg, nor allocate.
#pragma once

#include "vision/codec/jpeg_filter.h"

namespace imagehash::vision {

constexpr size_t kMaxRestHeader = 2048;

// The header of a JPEG of those components that are not mean_only: two of one block a unit each, with so many
// samples. Returns its length.
size_t write_rest_header(const JpegScan &scan, int64_t width, int64_t height, uint8_t out[kMaxRestHeader]);

// One row of BGR. Chroma may be fewer samples, each for `repeat` pixels; `step` is the distance of two
// samples.
void grey_to_bgr(const uint8_t *grey, int width, uint8_t *bgr);
void ycc_to_bgr(const uint8_t *y, const uint8_t *cb, const uint8_t *cr, int step, int repeat, int width,
                uint8_t *bgr);

}  // namespace imagehash::vision
