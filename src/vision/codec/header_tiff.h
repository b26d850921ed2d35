// The header of TIFF 6.0 files, for image_header.cpp, which finds the format; and EXIF, which has the same
// structure.
#pragma once

#include "base/types.h"
#include "vision/codec/image_header.h"

namespace imagehash::vision {

// REQUIRES: `image` begins with the signature of the format.
ImageHeader read_tiff_header(Bytes image);

// The orientation in an EXIF block, a TIFF structure with or without "Exif\0\0" before it: 1 to 8; 1 if it
// has no valid one.
int exif_orientation(Bytes exif);

}  // namespace imagehash::vision
