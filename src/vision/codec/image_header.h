// What an image says about itself, read from its bytes without decoding a pixel.
//
// Image bytes are hostile input, and OpenCV trusts them: it allocates what a header asks for, and returns
// uninitialised rows where a file ends early. So each format has a small bounds-checked reader here that
// decides, before OpenCV sees the file, whether it is one we allow, how large it is, how it is turned, and
// whether it is all there. Must not decode, and must not allocate in proportion to anything a file claims.
#pragma once

#include <string>

#include "vision/types.h"

namespace imagehash::vision {

enum class ImageFormat { jpeg, png, webp, bmp, tiff, gif };

// How the fourth channel of decoded pixels is to be read.
enum class Alpha { none, straight, premultiplied };

// The first frame of a GIF or an animated WebP.
struct Frame {
    int x = 0, y = 0, width = 0, height = 0;  // where it lies in the picture
    size_t begin = 0, end = 0;                // its data; end 0: there is no frame
    // GIF
    bool interlaced = false;
    int transparent = -1;  // index, -1 for none
    int colors = 0;        // in the palette that lies at this offset, three bytes each
    size_t palette = 0;
};

struct ImageHeader {
    ImageFormat format;
    int64_t width = 0;
    int64_t height = 0;
    int orientation = 1;  // EXIF

    // Facts the decoder needs and OpenCV does not tell.
    Alpha alpha = Alpha::none;
    int bit_depth = 8;
    bool inverted = false;          // TIFF: 16-bit grey where 0 is white
    size_t orientation_offset = 0;  // TIFF: where the tag's value lies, 0 if there is none
    bool ancillary = false;         // PNG: has chunks that are not needed for the pixels
    bool as_color = false;          // TIFF: OpenCV gets it right only as 8-bit color
    Frame frame = {};               // GIF, WebP
    int scans = 0;                  // JPEG
    std::string damage = "";        // why the file cannot be whole, "" if nothing speaks against it
    std::string unsupported = "";   // which feature the decoder lacks, "" if none

    int64_t pixels() const { return width * height; }
};

const char *format_name(ImageFormat format);          // as in ImageInfo
const char *format_display_name(ImageFormat format);  // as in messages

// Throws Error bad_image for bytes of no known format or without a usable size, unsupported for formats that
// are known but not allowed. Damage and lacking features further on are only noted: image_info() may still
// answer.
ImageHeader read_header(Bytes image);

}  // namespace imagehash::vision
