// JPEG -> 8-bit BGR, by libjpeg itself.
//
// OpenCV would use the same library, but it hears only libjpeg's first complaint, cannot be stopped, and
// takes every CMYK image for an Adobe one. Pixels are those of OpenCV, bit for bit, except for CMYK; at an
// eighth of the size too, where most of a file is kept from libjpeg (jpeg_filter.h). For decode.cpp only,
// which has checked the limits.
#pragma once

#include <opencv2/core.hpp>

#include "vision/codec/image_header.h"

namespace imagehash::vision {

// Whether what jpeg_filter.h can do without is kept from libjpeg, which changes nothing but the time it
// takes. For tests and measurements; `used` is set to what was done.
struct JpegFiltering {
    enum { never, where_it_pays, always } wanted;
    bool used;
};

// Decodes at 1/factor (1, 2, 4 or 8) of the size that the header gives; not yet turned upright. `stop` and
// `filtering` may be null. Throws Error: bad_image for anything from which libjpeg would make up pixels,
// cancelled, out_of_memory.
cv::Mat decode_jpeg(Bytes image, const ImageHeader &header, int factor, StopFlag stop,
                    JpegFiltering *filtering = nullptr);

}  // namespace imagehash::vision
