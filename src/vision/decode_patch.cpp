// See decode_patch.h.
#include "vision/decode_patch.h"

#include "vision/byte_reader.h"

namespace imagehash::vision {

using Copy = std::vector<uint8_t>;

static void append(Copy &to, Bytes from) {
    to.insert(to.end(), from.data, from.data + from.size);
}

static void append_little_endian(Copy &to, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++) to.push_back(static_cast<uint8_t>(value >> 8 * i));
}

static Copy upright_tiff(Bytes image, const ImageHeader &header) {
    Copy copy(image.data, image.data + image.size);
    bool big_endian = copy[0] == 'M';
    copy[header.orientation_offset] = big_endian ? 0 : 1;
    copy[header.orientation_offset + 1] = big_endian ? 1 : 0;
    return copy;
}

// Texts and profiles may unpack to gigabytes, and animations make some versions of OpenCV compose frames. A
// chunk whose name begins with a small letter is not needed for the pixels, transparency aside. The header
// reader has walked here.
static Copy bare_png(Bytes image) {
    ByteReader reader(image);
    Copy copy;
    append(copy, reader.slice(0, 8));
    for (size_t at = 8; reader.has(at, 12);) {
        uint64_t size = uint64_t{reader.u32(at)} + 12;
        bool ancillary = reader.u8(at + 4) & 0x20;
        if (!ancillary || reader.matches(at + 4, "tRNS", 4)) append(copy, reader.slice(at, size));
        if (reader.matches(at + 4, "IEND", 4)) break;
        at += size;
    }
    return copy;
}

static Copy still_webp(Bytes image, const ImageHeader &header) {
    const Frame &frame = header.frame;
    constexpr uint32_t kHeader = 8 + 4 + 8 + 10;
    uint32_t size = static_cast<uint32_t>(frame.end - frame.begin);
    bool alpha = header.alpha != Alpha::none;
    Copy copy;
    append(copy, Bytes{reinterpret_cast<const uint8_t *>("RIFF"), 4});
    append_little_endian(copy, kHeader - 8 + size, 4);
    append(copy, Bytes{reinterpret_cast<const uint8_t *>("WEBPVP8X"), 8});
    append_little_endian(copy, 10, 4);
    append_little_endian(copy, alpha ? 0x10 : 0, 4);
    append_little_endian(copy, static_cast<uint32_t>(frame.width - 1), 3);
    append_little_endian(copy, static_cast<uint32_t>(frame.height - 1), 3);
    append(copy, Bytes{image.data + frame.begin, size});
    return copy;
}

std::vector<uint8_t> copy_for_opencv(Bytes image, const ImageHeader &header) {
    if (header.format == ImageFormat::tiff && header.orientation_offset && header.orientation != 1)
        return upright_tiff(image, header);
    if (header.format == ImageFormat::png && header.ancillary) return bare_png(image);
    if (header.format == ImageFormat::webp && header.frame.end) return still_webp(image, header);
    if (header.format == ImageFormat::webp && image.size < 32) {
        Copy copy(image.data, image.data + image.size);
        copy.resize(32);
        return copy;
    }
    return {};
}

}  // namespace imagehash::vision
