// See decode_patch.h.
#include "vision/codec/decode_patch.h"

#include "vision/codec/byte_reader.h"

namespace imagehash::vision {

using Copy = std::vector<uint8_t>;

static void append(Copy &to, Bytes from) {
    to.insert(to.end(), from.data, from.data + from.size);
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

std::vector<uint8_t> copy_for_opencv(Bytes image, const ImageHeader &header) {
    if (header.format == ImageFormat::tiff && header.orientation_offset && header.orientation != 1)
        return upright_tiff(image, header);
    if (header.format == ImageFormat::png && header.ancillary) return bare_png(image);
    return {};
}

}  // namespace imagehash::vision
