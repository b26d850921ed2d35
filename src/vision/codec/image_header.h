// What an image says about itself, read from its bytes without decoding a pixel.
//
// Image bytes are hostile input, and OpenCV trusts them: it allocates what a header asks for, and returns
// uninitialized rows of a file that ends early. So each format has a small bounds-checked reader. Before any
// decoder gets the file, the reader finds whether it is supported, how large it is, its orientation, and
// whether it is complete. Must not decode, and must not allocate in proportion to anything that a file
// claims.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/status.h"
#include "base/types.h"

namespace imagehash::vision {

enum class ImageFormat { jpeg, png, webp, bmp, tiff, gif };

// What the fourth channel of decoded pixels means.
enum class Alpha { none, straight, premultiplied };

// The first frame of a GIF or an animated WebP.
struct Frame {
    int x = 0, y = 0, width = 0, height = 0;  // on the canvas
    size_t begin = 0, end = 0;                // offsets of its data; end 0: there is no frame
    // GIF
    bool interlaced = false;
    int transparent = -1;  // palette index, -1 for none
    int colors = 0;        // in the palette
    size_t palette = 0;    // its offset; three bytes a color
};

struct ImageHeader {
    ImageFormat format;
    int64_t width = 0;
    int64_t height = 0;
    int orientation = 1;  // EXIF

    // What decoding needs to know, and OpenCV does not tell.
    Alpha alpha = Alpha::none;
    int bit_depth = 8;
    bool inverted = false;          // TIFF: 16-bit gray where 0 is white
    size_t orientation_offset = 0;  // TIFF: of the field's value, 0 if there is none
    bool ancillary = false;         // PNG: has chunks that are not needed for the pixels
    bool as_color = false;          // TIFF: OpenCV decodes it correctly only as 8-bit color
    Frame frame = {};               // GIF, WebP
    int scans = 0;                  // JPEG
    std::string damage = "";        // what is truncated or damaged, "" if nothing is known to be
    std::string unsupported = "";   // a feature that is not supported, "" if there is none

    int64_t pixels() const { return width * height; }
};

const char *format_name(ImageFormat format);          // as in ImageInfo
const char *format_display_name(ImageFormat format);  // as in messages

// Throws Error: bad_image for bytes of no known format or without a valid size, unsupported for a known
// format that cannot be decoded. Other damage and unsupported features are only noted, so image_info() can
// still answer.
ImageHeader read_header(Bytes image);

}  // namespace imagehash::vision
