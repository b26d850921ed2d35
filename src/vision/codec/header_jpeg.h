// The header of JPEG (ITU-T T.81) files; for image_header.cpp, which finds the format.
#pragma once

#include "base/types.h"
#include "vision/codec/image_header.h"

namespace imagehash::vision {

// REQUIRES: `image` begins with the signature of the format.
ImageHeader read_jpeg_header(Bytes image);

}  // namespace imagehash::vision
