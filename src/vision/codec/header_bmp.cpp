// BMP: all header versions from OS/2 1.x (12 bytes) to V5 (124 bytes).
//
// OpenCV fills in pixels that a run-length coded file leaves out, its versions scale odd channel masks
// differently, and it takes the unused byte of 32-bit pixels for alpha. What OpenCV would decode wrongly is
// refused here.
#include "vision/codec/header_bmp.h"

#include "vision/codec/byte_reader.h"
#include "vision/codec/format_text.h"

namespace imagehash::vision {

namespace {

enum Compression { kRgb = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3 };

// Refuses masks that OpenCV does not decode correctly: all but 8 bits a channel in the order B, G, R and, if
// there is one, alpha in the highest byte.
void check_masks(const ByteReader &reader, size_t dib_size, ImageHeader &header) {
    bool standard =
        reader.u32(54) == 0x00ff0000u && reader.u32(58) == 0x0000ff00u && reader.u32(62) == 0x000000ffu;
    uint32_t alpha = dib_size >= 56 ? reader.u32(66) : 0;
    if (alpha == 0xff000000u)
        header.alpha = Alpha::straight;
    else if (alpha != 0)
        standard = false;
    if (!standard) header.unsupported = "BMP images with unusual channel masks";
}

}  // namespace

ImageHeader read_bmp_header(Bytes image) {
    ByteReader reader(image, false);
    ImageHeader header{ImageFormat::bmp};
    uint64_t pixel_offset = reader.u32(10), dib_size = reader.u32(14);
    uint32_t compression = kRgb;
    int bits;
    if (dib_size == 12) {
        header.width = reader.u16(18);
        header.height = reader.u16(20);
        bits = reader.u16(24);
    } else {
        header.width = static_cast<int32_t>(reader.u32(18));
        header.height = static_cast<int32_t>(reader.u32(22));
        bits = reader.u16(28);
        compression = reader.u32(30);
    }
    bool top_down = header.height < 0;
    if (top_down) header.height = -header.height;
    if (dib_size != 12 && dib_size < 36) header.unsupported = "BMP images with an OS/2 2.x header";
    if (!reader.has(14, dib_size)) header.damage = "is truncated in its header";

    bool run_length = (compression == kRle8 && bits == 8) || (compression == kRle4 && bits == 4);
    bool plain = compression == kRgb &&
                 (bits == 1 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32);
    bool fields = compression == kBitFields && (bits == 16 || bits == 32);
    if (!run_length && !plain && !fields)
        header.unsupported = format_text("BMP images of %d bits with compression %u", bits, compression);
    if (run_length && top_down) header.damage = "is damaged: run-length coded from the top";
    if (fields && bits == 32) check_masks(reader, dib_size, header);
    if (fields && bits == 16 && dib_size > 40)
        header.unsupported = "16-bit BMP images with a V4 or V5 header";

    if (!run_length && header.width > 0 && header.width <= INT32_MAX) {
        uint64_t row = (static_cast<uint64_t>(header.width) * bits + 31) / 32 * 4;
        // Cannot overflow: the row is no longer than the file, and the height is below 2^31.
        if (!reader.has(pixel_offset, 0) || row > reader.size() || header.height > INT32_MAX ||
            !reader.has(pixel_offset, row * header.height))
            header.damage = format_text("is truncated: no room for %lld rows after %zu bytes",
                                        static_cast<long long>(header.height), reader.size());
    }
    return header;
}

}  // namespace imagehash::vision
