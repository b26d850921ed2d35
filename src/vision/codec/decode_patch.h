// The bytes that OpenCV, or libpng, gets to see where the file itself would mislead it, or holds more than
// its pixels.
#pragma once

#include <cstdint>
#include <vector>

#include "vision/codec/image_header.h"

namespace imagehash::vision {

// Empty where the file can stay as it is. Otherwise: a TIFF that says "upright", as OpenCV turns TIFF images
// itself whatever it is told, at 8 bits otherwise than at 16; a PNG without its texts, profiles and
// animation.
std::vector<uint8_t> copy_for_opencv(Bytes image, const ImageHeader &header);

}  // namespace imagehash::vision
