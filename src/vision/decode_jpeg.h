// JPEG -> 8-bit BGR, by libjpeg itself.
//
// OpenCV would use the same library, but it hears only libjpeg's first complaint, cannot be stopped, and
// takes every CMYK image for an Adobe one. Pixels are those of OpenCV, bit for bit, except for CMYK. For
// decode.cpp only, which has checked the limits.
#pragma once

#include <opencv2/core.hpp>

#include "vision/image_header.h"

namespace imagehash::vision {

// Decodes at 1/factor (1, 2, 4 or 8) of the size that the header gives; not yet turned upright. `stop` may be
// null. Throws Error: bad_image for anything from which libjpeg would make up pixels, cancelled,
// out_of_memory.
cv::Mat decode_jpeg(Bytes image, const ImageHeader &header, int factor, StopFlag stop);

}  // namespace imagehash::vision
