// Walks the blocks up to the end of the first frame. Must not go further: nothing else is decoded.
#include "vision/codec/header_gif.h"

#include <algorithm>

#include "vision/codec/byte_reader.h"
#include "vision/codec/format_text.h"

namespace imagehash::vision {

namespace {

constexpr uint8_t kExtension = 0x21, kImage = 0x2c, kGraphicControl = 0xf9;
constexpr uint8_t kHasPalette = 0x80, kInterlaced = 0x40;

// Size in bytes of the palette that a packed field announces.
size_t palette_bytes(uint8_t packed) {
    return packed & kHasPalette ? size_t{3} << ((packed & 7) + 1) : 0;
}

// Offset after a chain of sub-blocks and the empty one that ends it; 0 if the file ends before.
size_t end_of_sub_blocks(const ByteReader &reader, size_t at) {
    while (reader.has(at, 1)) {
        size_t length = reader.u8(at++);
        if (length == 0) return at;
        at += length;
    }
    return 0;
}

void read_frame(const ByteReader &reader, size_t at, ImageHeader &header) {
    Frame &frame = header.frame;
    frame.x = reader.u16(at + 1);
    frame.y = reader.u16(at + 3);
    frame.width = reader.u16(at + 5);
    frame.height = reader.u16(at + 7);
    uint8_t packed = reader.u8(at + 9);
    frame.interlaced = packed & kInterlaced;
    at += 10;
    if (size_t own = palette_bytes(packed)) {
        frame.palette = at;
        frame.colors = static_cast<int>(own / 3);
        at += own;
    }
    frame.begin = at;
    frame.end = end_of_sub_blocks(reader, at + 1);
    if (!frame.end) header.damage = format_text("is truncated after %zu bytes", reader.size());
    if (!frame.colors) header.unsupported = "GIF images without a palette";
    if (!frame.width || !frame.height) header.damage = "is damaged: its first frame is empty";
    // A first frame that is larger than the logical screen enlarges it, as in browsers.
    header.width = std::max<int64_t>(header.width, frame.x + frame.width);
    header.height = std::max<int64_t>(header.height, frame.y + frame.height);
}

}  // namespace

ImageHeader read_gif_header(Bytes image) {
    ByteReader reader(image, false);
    ImageHeader header{ImageFormat::gif};
    header.width = reader.u16(6);
    header.height = reader.u16(8);
    size_t at = 13, shared = palette_bytes(reader.u8(10));
    if (shared) {
        header.frame.palette = at;
        header.frame.colors = static_cast<int>(shared / 3);
        at += shared;
    }
    // A block has at least two bytes, so the loop ends.
    while (reader.has(at, 2) && reader.u8(at) == kExtension) {
        if (reader.u8(at + 1) == kGraphicControl && reader.u8(at + 2) == 4 && reader.u8(at + 3) & 1)
            header.frame.transparent = reader.u8(at + 6);
        at = end_of_sub_blocks(reader, at + 2);
        if (!at) break;
    }
    if (at && reader.has(at, 11) && reader.u8(at) == kImage)
        read_frame(reader, at, header);
    else
        header.damage =
            reader.has(at ? at : reader.size(), 1) ? "has no pixel data" : "is truncated: no frame";
    return header;
}

}  // namespace imagehash::vision
