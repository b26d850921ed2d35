// Reads the first image file directory of a TIFF, and of EXIF, which has the same structure.
//
// OpenCV decodes TIFF with libtiff, and handles many of libtiff's features wrongly or not at all. What is not
// known to be decoded correctly must be refused here, by name.
#include "vision/codec/header_tiff.h"

#include "vision/codec/byte_reader.h"
#include "vision/codec/format_text.h"

namespace imagehash::vision {

namespace {

enum Tag : uint16_t {
    kWidth = 256,
    kLength = 257,
    kBitsPerSample = 258,
    kCompression = 259,
    kPhotometric = 262,
    kStripOffsets = 273,
    kOrientation = 274,
    kSamplesPerPixel = 277,
    kRowsPerStrip = 278,
    kStripByteCounts = 279,
    kPlanarConfiguration = 284,
    kTileWidth = 322,
    kTileLength = 323,
    kTileOffsets = 324,
    kTileByteCounts = 325,
    kExtraSamples = 338,
    kSampleFormat = 339,
};

// All fields that are read here. libtiff accepts more types of them.
const Tag kTags[] = {
    kWidth,       kLength,          kBitsPerSample,  kCompression,     kPhotometric,         kStripOffsets,
    kOrientation, kSamplesPerPixel, kRowsPerStrip,   kStripByteCounts, kPlanarConfiguration, kTileWidth,
    kTileLength,  kTileOffsets,     kTileByteCounts, kExtraSamples,    kSampleFormat};

enum FieldType : uint16_t { kByte = 1, kShort = 3, kLong = 4 };
enum Photometric { kMinIsWhite = 0, kMinIsBlack = 1, kRgb = 2, kPalette = 3, kLogL = 32844, kLogLuv = 32845 };

// A field of a directory: `count` whole numbers of `width` bytes at `offset`. count is 0 if the field is
// absent or cannot be read: another type, no values, values outside the file.
struct Field {
    bool present = false;
    uint16_t type = 0;
    uint64_t offset = 0;
    uint32_t count = 0;
    int width = 0;
};

int width_of(uint16_t type) {
    return type == kByte ? 1 : type == kShort ? 2 : type == kLong ? 4 : 0;
}

class Directory {
 public:
    // `bytes` begin with the byte order mark. Entries beyond the end of the file are ignored.
    explicit Directory(Bytes bytes) : reader_(bytes, bytes.size > 0 && bytes.data[0] == 'M') {
        first_ = reader_.u32(4);
        entries_ = reader_.has(first_, 2) ? reader_.u16(first_) : 0;
    }

    bool complete() const { return entries_ > 0 && reader_.has(first_ + 2, entries_ * 12u); }

    Field field(Tag tag) const {
        for (uint64_t i = 0, at = first_ + 2; i < entries_ && reader_.has(at, 12); i++, at += 12) {
            if (reader_.u16(at) != tag) continue;
            Field found;
            found.present = true;
            found.type = reader_.u16(at + 2);
            found.count = reader_.u32(at + 4);
            found.width = width_of(found.type);
            uint64_t size = static_cast<uint64_t>(found.count) * found.width;
            found.offset = size <= 4 ? at + 8 : reader_.u32(at + 8);
            if (found.width == 0 || !reader_.has(found.offset, size)) found.count = 0;
            return found;
        }
        return Field();
    }

    uint32_t value(const Field &field, uint32_t index) const {
        uint64_t at = field.offset + static_cast<uint64_t>(index) * field.width;
        return field.width == 1 ? reader_.u8(at) : field.width == 2 ? reader_.u16(at) : reader_.u32(at);
    }

    uint32_t number(Tag tag, uint32_t default_value) const {
        Field found = field(tag);
        return found.count ? value(found, 0) : default_value;
    }

    const ByteReader &reader() const { return reader_; }

 private:
    ByteReader reader_;
    uint64_t first_;
    uint32_t entries_;
};

int valid_orientation(uint32_t value) {
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
}

// False if a field is present but cannot be read here: libtiff might read it, and decode by what was not
// checked.
bool check_fields(const Directory &directory, ImageHeader &header) {
    for (Tag tag : kTags) {
        Field field = directory.field(tag);
        if (!field.present || field.count != 0) continue;
        if (field.width == 0)
            header.unsupported = format_text("TIFF images with field %d of type %d", tag, field.type);
        else
            header.damage = format_text("is damaged: field %d has no values in the file", tag);
        return false;
    }
    return true;
}

// Every strip or tile must lie inside the file: for one that does not, libtiff returns what its buffer held
// before.
void check_segments(const Directory &directory, bool tiled, ImageHeader &header) {
    Field offsets = directory.field(tiled ? kTileOffsets : kStripOffsets);
    Field counts = directory.field(tiled ? kTileByteCounts : kStripByteCounts);
    if (offsets.count == 0) {
        header.damage = "has no pixel data";
        return;
    }
    for (uint32_t i = 0; i < offsets.count; i++) {
        uint32_t length = i < counts.count ? directory.value(counts, i) : 1;
        if (!directory.reader().has(directory.value(offsets, i), length)) {
            header.damage =
                format_text("is truncated: %s %u of %u lies beyond %zu bytes", tiled ? "tile" : "strip",
                            i + 1, offsets.count, directory.reader().size());
            return;
        }
    }
}

// Tiles are decoded whole: an image of one pixel must not make libtiff allocate a gigabyte.
void check_tiles(const Directory &directory, ImageHeader &header) {
    constexpr uint64_t kSmallTile = 1 << 22;
    uint64_t width = directory.number(kTileWidth, 0), length = directory.number(kTileLength, 0);
    uint64_t pixels = width * length;
    if (width == 0 || length == 0 || width > INT32_MAX || length > INT32_MAX)
        header.damage = "is damaged: tiles have no valid size";
    else if (pixels > kSmallTile && pixels > static_cast<uint64_t>(header.pixels()))
        header.unsupported = "TIFF images with tiles larger than the image";
}

// None, CCITT (modified Huffman, T.4, T.6), LZW, JPEG, Deflate (both numbers) and PackBits. Not old-style
// JPEG, whose decoder in libtiff has had many bugs.
bool is_supported_compression(uint32_t compression) {
    return (compression >= 1 && compression <= 5) || compression == 7 || compression == 8 ||
           compression == 32946 || compression == 32773;
}

void check_samples(const Directory &directory, ImageHeader &header) {
    Field bits = directory.field(kBitsPerSample), formats = directory.field(kSampleFormat);
    uint32_t samples = directory.number(kSamplesPerPixel, 1),
             photometric = directory.number(kPhotometric, kMinIsBlack);
    bool gray = photometric == kMinIsWhite || photometric == kMinIsBlack;
    header.bit_depth = static_cast<int>(directory.number(kBitsPerSample, 1));
    if (header.bit_depth != 1 && header.bit_depth != 8 && header.bit_depth != 16)
        header.unsupported = format_text("TIFF images of %d bits a sample", header.bit_depth);
    for (uint32_t i = 1; i < bits.count && i < samples; i++)
        if (directory.value(bits, i) != directory.value(bits, 0))
            header.unsupported = "TIFF images whose samples differ in size";
    for (uint32_t i = 0; i < formats.count && i < samples; i++)
        if (directory.value(formats, i) != 1)
            header.unsupported = "TIFF images of signed or floating-point samples";
    if (photometric == kLogL || photometric == kLogLuv) header.unsupported = "LogLuv TIFF images";
    if (samples > 4 || samples == 0)
        header.unsupported = format_text("TIFF images of %u samples a pixel", samples);
    if ((gray || photometric == kPalette) && samples > 1) header.unsupported = "gray TIFF images with alpha";
    if (header.bit_depth == 16) {
        // OpenCV reads the samples raw, and ignores what they mean and how they are stored.
        if (photometric > kRgb) header.unsupported = "16-bit TIFF images that are neither gray nor RGB";
        bool planes = directory.number(kPlanarConfiguration, 1) == 2 && samples > 1;
        if (planes && samples > 3) header.unsupported = "16-bit TIFF images in separate planes with alpha";
        header.as_color = planes;
        header.inverted = photometric == kMinIsWhite && !planes;
    }
    if (photometric == kRgb && samples == 4) {
        // At 8 bits libtiff's RGBA reader multiplies by alpha, whatever the file has; at 16 bits the samples
        // are as stored.
        bool straight = header.bit_depth == 16 && directory.number(kExtraSamples, 0) == 2;
        header.alpha = straight ? Alpha::straight : Alpha::premultiplied;
    }
    // Without this a palette of one bit becomes gray.
    if (header.bit_depth <= 8 && header.alpha == Alpha::none) header.as_color = true;
}

}  // namespace

int exif_orientation(Bytes exif) {
    ByteReader reader(exif);
    if (reader.matches(0, "Exif\0", 5)) exif = reader.slice(6, reader.size());
    ByteReader tiff(exif);
    if (!tiff.matches(0, "II*\0", 4) && !tiff.matches(0, "MM\0*", 4)) return 1;
    return valid_orientation(Directory(exif).number(kOrientation, 1));
}

ImageHeader read_tiff_header(Bytes image) {
    ImageHeader header{ImageFormat::tiff};
    Directory directory(image);
    if (!directory.complete()) {
        header.damage = "is truncated: its directory lies beyond its end";
        return header;
    }
    bool readable = check_fields(directory, header);
    header.width = directory.number(kWidth, 0);
    header.height = directory.number(kLength, 0);
    Field orientation = directory.field(kOrientation);
    if (orientation.count == 1 && orientation.width == 2) {
        header.orientation = valid_orientation(directory.value(orientation, 0));
        header.orientation_offset = orientation.offset;
    }
    if (header.width <= 0 || header.height <= 0 || header.width > INT32_MAX || header.height > INT32_MAX ||
        !readable)
        return header;
    bool tiled = false;
    for (Tag tag : {kTileWidth, kTileLength, kTileOffsets, kTileByteCounts})
        tiled = tiled || directory.field(tag).present;
    check_samples(directory, header);
    uint32_t compression = directory.number(kCompression, 1);
    if (!is_supported_compression(compression))
        header.unsupported = format_text("TIFF images with compression %u", compression);
    if (tiled) check_tiles(directory, header);
    if (header.damage.empty()) check_segments(directory, tiled, header);
    return header;
}

}  // namespace imagehash::vision
