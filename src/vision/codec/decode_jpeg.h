// JPEG -> 8-bit BGR, by libjpeg itself.
//
// OpenCV uses the same library, but it sees only libjpeg's first warning, cannot be stopped, and takes every
// CMYK image for one of Adobe's. Pixels are those of OpenCV, bit for bit, except for CMYK. This holds at 1/8
// scale too, where filters keep most of the file from libjpeg (jpeg_dc_filter.h, jpeg_scan_filter.h). For
// decode.cpp only, which has checked the limits.
#pragma once

#include <opencv2/core.hpp>

#include "base/stop.h"
#include "base/types.h"
#include "vision/codec/image_header.h"

namespace imagehash::vision {

// Whether filters keep from libjpeg what a decode at 1/8 scale does not need. This changes nothing but the
// time. For tests and measurements; `used` is set to whether a filter was used.
struct JpegFiltering {
    enum { never, where_it_pays, always } wanted;
    bool used;
};

// Decodes at 1/factor scale (1, 2, 4 or 8), without applying the EXIF orientation. `stop` and `filtering` may
// be null. Throws Error: bad_image for anything from which libjpeg would make up pixels, cancelled,
// out_of_memory.
cv::Mat decode_jpeg(Bytes image, const ImageHeader &header, int factor, StopFlag stop,
                    JpegFiltering *filtering = nullptr);

}  // namespace imagehash::vision
