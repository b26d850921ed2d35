// WebP -> pixels, by libwebp itself.
//
// OpenCV uses the same library, but it cannot be stopped, and it tries other decoders if libwebp fails.
// Pixels are those of OpenCV, bit for bit. For decode.cpp only, which has checked the limits.
#pragma once

#include <opencv2/core.hpp>

#include "base/stop.h"
#include "base/types.h"
#include "vision/codec/image_header.h"

namespace imagehash::vision {

// Returns BGR, or BGRA if the header says so; of an animation the first frame, without its canvas. The EXIF
// orientation is not applied. `stop` may be null; it is asked between pieces of the file, the first of which
// is 1/8 of a lossless picture. Throws Error: bad_image, cancelled, out_of_memory.
cv::Mat decode_webp(Bytes image, const ImageHeader &header, StopFlag stop);

}  // namespace imagehash::vision
