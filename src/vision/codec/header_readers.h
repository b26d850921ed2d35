// One reader a format, for image_header.cpp only. Each gets bytes that start with its format's signature.
#pragma once

#include "vision/codec/byte_reader.h"
#include "vision/codec/image_header.h"

namespace imagehash::vision {

ImageHeader read_jpeg_header(Bytes image);
ImageHeader read_png_header(Bytes image);
ImageHeader read_webp_header(Bytes image);
ImageHeader read_bmp_header(Bytes image);
ImageHeader read_tiff_header(Bytes image);
ImageHeader read_gif_header(Bytes image);

// EXIF orientation in a TIFF structure (with or without "Exif\0\0" before it): 1 to 8, 1 where it says
// nothing valid.
int exif_orientation(Bytes exif);

// snprintf into a std::string.
std::string format_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace imagehash::vision
