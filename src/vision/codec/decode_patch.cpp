// Rewrites one TIFF field, or leaves out PNG chunks. Must not rely on more of a file than its header reader
// has checked.
#include "vision/codec/decode_patch.h"

#include "vision/codec/byte_reader.h"

namespace imagehash::vision {

namespace {

using Copy = std::vector<uint8_t>;

void append(Copy &to, Bytes from) {
    to.insert(to.end(), from.data, from.data + from.size);
}

Copy upright_tiff(Bytes image, const ImageHeader &header) {
    Copy copy(image.data, image.data + image.size);
    bool big_endian = copy[0] == 'M';
    copy[header.orientation_offset] = big_endian ? 0 : 1;
    copy[header.orientation_offset + 1] = big_endian ? 1 : 0;
    return copy;
}

// Texts and profiles may unpack to gigabytes, and some versions of OpenCV compose the frames of an animation.
// A chunk is ancillary, not needed for the pixels, if its type begins with a lower case letter; tRNS is
// needed nevertheless. The header reader has checked that all chunks lie in the file.
Copy png_without_ancillary_chunks(Bytes image) {
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

}  // namespace

std::vector<uint8_t> patched_copy(Bytes image, const ImageHeader &header) {
    if (header.format == ImageFormat::tiff && header.orientation_offset && header.orientation != 1)
        return upright_tiff(image, header);
    if (header.format == ImageFormat::png && header.ancillary) return png_without_ancillary_chunks(image);
    return {};
}

}  // namespace imagehash::vision
