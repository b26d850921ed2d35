// The first frame of a GIF -> 8-bit BGR on white.
//
// Decoded here without a library, because OpenCV reads GIF only since 4.11. For decode.cpp only, which has
// checked the limits and the header.
#pragma once

#include <opencv2/core.hpp>

#include "base/stop.h"
#include "base/types.h"
#include "vision/codec/image_header.h"

namespace imagehash::vision {

// `stop` may be null. Throws Error: bad_image if pixels are missing or codes are impossible, cancelled.
cv::Mat decode_gif(Bytes image, const ImageHeader &header, StopFlag stop);

}  // namespace imagehash::vision
