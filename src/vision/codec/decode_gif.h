// The first frame of a GIF -> 8-bit BGR on white. OpenCV reads GIF since 4.11 only, so it is done here.
#pragma once

#include <opencv2/core.hpp>

#include "vision/codec/image_header.h"

namespace imagehash::vision {

// For decode.cpp, which has checked limits and header. `stop` may be null. Throws Error: bad_image where
// pixels are missing or codes are impossible, cancelled.
cv::Mat decode_gif(Bytes image, const ImageHeader &header, StopFlag stop);

}  // namespace imagehash::vision
