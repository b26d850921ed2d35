// WebP -> pixels, by libwebp itself.
//
// OpenCV would use the same library, but it cannot be stopped, and asks other decoders where libwebp refuses.
// Pixels are those of OpenCV, bit for bit. For decode.cpp only, which has checked the limits.
#pragma once

#include <opencv2/core.hpp>

#include "vision/codec/image_header.h"

namespace imagehash::vision {

// BGR, or BGRA where the header says so; of an animation the first frame, without its canvas. Not yet turned
// upright. `stop` may be null; it is looked at between pieces of the file, the first of which is an eighth of
// a lossless picture. Throws Error: bad_image, cancelled, out_of_memory.
cv::Mat decode_webp(Bytes image, const ImageHeader &header, StopFlag stop);

}  // namespace imagehash::vision
