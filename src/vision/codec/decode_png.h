// PNG -> pixels, by libpng itself.
//
// OpenCV uses the same library, but it cannot be stopped, and it unpacks what follows the last row: gigabytes
// from a small file. For decode.cpp only, which has checked the limits.
#pragma once

#include <opencv2/core.hpp>

#include "base/stop.h"
#include "base/types.h"
#include "vision/codec/image_header.h"

namespace imagehash::vision {

// Returns gray, BGR or BGRA of 8 or 16 bits; transparency of any kind becomes alpha. The EXIF orientation is
// not applied. `stop` may be null. Throws Error: bad_image for anything from which libpng would make up
// pixels, cancelled, out_of_memory.
cv::Mat decode_png(Bytes image, const ImageHeader &header, StopFlag stop);

}  // namespace imagehash::vision
