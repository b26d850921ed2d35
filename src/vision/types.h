// Types and limits of this library, for its folders and its callers. api.h has the functions.
#pragma once

#include <cstdint>

#include "base/stop.h"

namespace imagehash::vision {

// What the header of an image says. Sizes are those of the stored pixels, before the EXIF orientation is
// applied.
struct ImageInfo {
    char format[8];   // "jpeg", "png", "webp", "bmp", "tiff", "gif", ...
    int width;        // pixels
    int height;       // pixels
    int orientation;  // EXIF, 1 to 8; 1 if the image has none
};

// An image beyond them is refused before it is decoded, so they bound the memory and time of one image.
struct Limits {
    int64_t max_pixels;  // width x height; a JPEG may have ten times as many in all its scans
    int64_t max_bytes;   // encoded
    StopFlag stop;       // asked while an image is decoded (ErrorKind::cancelled)
};

enum class PerceptualHash { average, difference, vertical_difference, perceptual, wavelet, color };

constexpr int kMaxPerceptualBytes = 128;
constexpr int kColorHashBytes = 6;
constexpr int kSegmentHashBytes = 8;
constexpr int kMaxSegments = 180;
constexpr int kPdqBytes = 32;
constexpr int kDihedralVariants = 8;

}  // namespace imagehash::vision
