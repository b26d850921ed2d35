// Walks the chunks from IHDR to IEND, eXIf among them. Must not unpack one.
#include "vision/codec/header_png.h"

#include "vision/codec/byte_reader.h"
#include "vision/codec/format_text.h"
#include "vision/codec/header_tiff.h"

namespace imagehash::vision {

namespace {

enum ColorType { kGray = 0, kRgb = 2, kPalette = 3, kGrayAlpha = 4, kRgba = 6 };

void read_ihdr(const ByteReader &reader, size_t data, ImageHeader &header) {
    header.width = reader.u32(data);
    header.height = reader.u32(data + 4);
    header.bit_depth = reader.u8(data + 8);
    int color_type = reader.u8(data + 9);
    int depth = header.bit_depth;
    bool depth_known = depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
    bool type_known = color_type <= kRgba && color_type != 1 && color_type != 5;
    if (!depth_known || !type_known) header.damage = "is damaged: unknown color type";
    if (color_type == kGrayAlpha || color_type == kRgba) header.alpha = Alpha::straight;
}

}  // namespace

ImageHeader read_png_header(Bytes image) {
    ByteReader reader(image);
    ImageHeader header{ImageFormat::png};
    bool pixels = false;
    size_t at = 8;
    if (reader.matches(at + 4, "CgBI", 4)) header.unsupported = "Apple's CgBI PNG images";
    if (!reader.matches(at, "\0\0\0\x0dIHDR", 8) || !reader.has(at, 25)) {
        header.damage = "has no header chunk";
        return header;
    }
    // A chunk has at least 12 bytes, so the loop ends.
    while (reader.has(at, 12)) {
        uint32_t length = reader.u32(at);
        size_t data = at + 8;
        if (!reader.has(data, static_cast<uint64_t>(length) + 4)) break;
        if (reader.matches(at + 4, "IHDR", 4) && at == 8) read_ihdr(reader, data, header);
        if (reader.matches(at + 4, "tRNS", 4)) header.alpha = Alpha::straight;
        bool ancillary = reader.u8(at + 4) & 0x20;
        if (ancillary && !reader.matches(at + 4, "tRNS", 4)) header.ancillary = true;
        if (reader.matches(at + 4, "eXIf", 4))
            header.orientation = exif_orientation(reader.slice(data, length));
        if (reader.matches(at + 4, "IDAT", 4)) pixels = true;
        if (reader.matches(at + 4, "IEND", 4)) {
            if (!pixels && header.damage.empty()) header.damage = "has no pixel data";
            return header;
        }
        at = data + length + 4;
    }
    if (header.damage.empty())
        header.damage = format_text("is truncated: no end chunk after %zu bytes", reader.size());
    return header;
}

}  // namespace imagehash::vision
