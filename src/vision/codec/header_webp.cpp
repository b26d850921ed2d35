// Walks the chunks of simple lossy (VP8), simple lossless (VP8L) and extended (VP8X) files. Of an animation,
// only what concerns the first frame may count.
#include "vision/codec/header_webp.h"

#include "vision/codec/byte_reader.h"
#include "vision/codec/format_text.h"
#include "vision/codec/header_tiff.h"

namespace imagehash::vision {

namespace {

constexpr uint8_t kAnimationFlag = 0x02, kAlphaFlag = 0x10;

uint32_t u24(const ByteReader &reader, size_t offset) {
    return reader.u16(offset) | static_cast<uint32_t>(reader.u8(offset + 2)) << 16;
}

void read_lossy(const ByteReader &reader, size_t data, ImageHeader &header) {
    if (!reader.matches(data + 3, "\x9d\x01\x2a", 3)) {
        header.damage = "is damaged: no key frame";
        return;
    }
    header.width = reader.u16(data + 6) & 0x3fff;
    header.height = reader.u16(data + 8) & 0x3fff;
}

void read_lossless(const ByteReader &reader, size_t data, ImageHeader &header) {
    if (reader.u8(data) != 0x2f) {
        header.damage = "is damaged: no lossless signature";
        return;
    }
    uint32_t bits = reader.u32(data + 1);
    header.width = (bits & 0x3fff) + 1;
    header.height = (bits >> 14 & 0x3fff) + 1;
    if (bits >> 28 & 1) header.alpha = Alpha::straight;
}

// ANMF: the place of the frame, and then the chunks of a picture: ALPH and VP8, or VP8L.
void read_frame(const ByteReader &reader, uint64_t data, uint64_t length, ImageHeader &header) {
    constexpr uint64_t kFrameHeader = 16;
    if (length < kFrameHeader || !reader.has(data, length)) {
        header.damage = "is truncated in its first frame";
        return;
    }
    Frame &frame = header.frame;
    frame.x = static_cast<int>(u24(reader, data) * 2);
    frame.y = static_cast<int>(u24(reader, data + 3) * 2);
    frame.width = static_cast<int>(u24(reader, data + 6) + 1);
    frame.height = static_cast<int>(u24(reader, data + 9) + 1);
    frame.begin = data + kFrameHeader;
    frame.end = data + length;
    if (frame.x + frame.width > header.width || frame.y + frame.height > header.height)
        header.damage = "is damaged: its first frame does not fit in it";
    if (reader.matches(frame.begin, "ALPH", 4)) header.alpha = Alpha::straight;
    if (reader.matches(frame.begin, "VP8L", 4) && reader.u32(frame.begin + 9) >> 28 & 1)
        header.alpha = Alpha::straight;
}

}  // namespace

ImageHeader read_webp_header(Bytes image) {
    ByteReader reader(image, false);
    ImageHeader header{ImageFormat::webp};
    bool extended = false, animated = false, pixels = false;
    uint64_t end = static_cast<uint64_t>(reader.u32(4)) + 8;
    if (end > reader.size())
        header.damage =
            format_text("is truncated: %llu of %llu bytes", static_cast<unsigned long long>(reader.size()),
                        static_cast<unsigned long long>(end));
    // A chunk has at least 8 bytes, so the loop ends.
    for (uint64_t at = 12; reader.has(at, 8) && at < end;) {
        uint64_t length = reader.u32(at + 4), data = at + 8;
        if (reader.matches(at, "VP8X", 4) && reader.has(data, 10) && !extended && !pixels) {
            extended = true;
            uint8_t flags = reader.u8(data);
            header.width = u24(reader, data + 4) + 1;
            header.height = u24(reader, data + 7) + 1;
            if (flags & kAlphaFlag) header.alpha = Alpha::straight;
            animated = flags & kAnimationFlag;
            if (animated) header.alpha = Alpha::none;
        } else if (animated && !pixels && reader.matches(at, "ANMF", 4)) {
            read_frame(reader, data, length, header);
            pixels = true;
        } else if (animated && !pixels) {
            // Before the first frame only EXIF says something about its pixels.
            if (reader.matches(at, "EXIF", 4))
                header.orientation = exif_orientation(reader.slice(data, length));
        } else if (reader.matches(at, "VP8 ", 4) || reader.matches(at, "VP8L", 4)) {
            if (!pixels && !extended) {
                if (reader.u8(at + 3) == 'L')
                    read_lossless(reader, data, header);
                else
                    read_lossy(reader, data, header);
            }
            pixels = true;
        } else if (reader.matches(at, "EXIF", 4)) {
            header.orientation = exif_orientation(reader.slice(data, length));
        }
        at = data + length + (length & 1);
    }
    if (!pixels && header.damage.empty()) header.damage = "has no pixel data";
    return header;
}

}  // namespace imagehash::vision
