// A changed copy of a file for OpenCV or libpng, if the file itself would mislead them or make them unpack
// more than its pixels.
#pragma once

#include <cstdint>
#include <vector>

#include "base/types.h"
#include "vision/codec/image_header.h"

namespace imagehash::vision {

// Empty if the file needs no change. A TIFF gets orientation 1, because OpenCV applies the orientation of a
// TIFF whatever its flags say, at 8 bits otherwise than at 16. A PNG loses its texts, profiles and animation.
std::vector<uint8_t> patched_copy(Bytes image, const ImageHeader &header);

}  // namespace imagehash::vision
