// Finds the format by its signature, never by a file name, and calls the reader of the format. Formats that
// people have and that cannot be decoded are named in the error.
#include "vision/codec/image_header.h"

#include "vision/codec/byte_reader.h"
#include "vision/codec/header_bmp.h"
#include "vision/codec/header_gif.h"
#include "vision/codec/header_jpeg.h"
#include "vision/codec/header_png.h"
#include "vision/codec/header_tiff.h"
#include "vision/codec/header_webp.h"

namespace imagehash::vision {

namespace {

const char *const kSupportedFormats = "Supported formats are JPEG, PNG, WebP, GIF, BMP and TIFF";

struct FormatNames {
    const char *name;
    const char *display;
};
const FormatNames kFormatNames[] = {{"jpeg", "JPEG"}, {"png", "PNG"},   {"webp", "WebP"},
                                    {"bmp", "BMP"},   {"tiff", "TIFF"}, {"gif", "GIF"}};

// A signature at an offset. It has a length because some contain zero bytes.
struct Signature {
    size_t offset;
    size_t length;
    const char *bytes;
    const char *display;
};

const Signature kUnsupportedFormats[] = {
    {4, 8, "ftypavif", "AVIF"},
    {4, 8, "ftypavis", "AVIF"},
    {4, 8, "ftypheic", "HEIC"},
    {4, 8, "ftypheix", "HEIC"},
    {4, 8, "ftyphevc", "HEIC"},
    {4, 8, "ftyphevx", "HEIC"},
    {4, 8, "ftypheim", "HEIC"},
    {4, 8, "ftypheis", "HEIC"},
    {4, 8, "ftypmif1", "HEIF"},
    {4, 8, "ftypmsf1", "HEIF"},
    {4, 8, "ftypcrx ", "Canon CR3"},
    {4, 4, "ftyp", "MP4 and other ISO media"},
    {0, 12, "\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"},
    {0, 4, "\xff\x4f\xff\x51", "JPEG 2000"},
    {0, 12, "\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"},
    {0, 2, "\xff\x0a", "JPEG XL"},
    {0, 4, "8BPS", "Photoshop"},
    {0, 4, "\0\0\1\0", "ICO"},
    {0, 4, "\0\0\2\0", "CUR"},
    {0, 4, "icns", "ICNS"},
    {0, 4, "DDS ", "DDS"},
    {0, 4, "qoif", "QOI"},
    {0, 4, "\x76\x2f\x31\x01", "OpenEXR"},
    {0, 10, "#?RADIANCE", "Radiance HDR"},
    {0, 6, "#?RGBE", "Radiance HDR"},
    {0, 4, "%PDF", "PDF"},
    {0, 4, "%!PS", "PostScript"},
    {0, 4, "\xc5\xd0\xd3\xc6", "PostScript"},
    {0, 4, "\xd7\xcd\xc6\x9a", "WMF"},
    {40, 4, " EMF", "EMF"},
    {0, 5, "<?xml", "SVG and other XML"},
    {0, 4, "<svg", "SVG"},
    {0, 4, "II+\0", "BigTIFF"},
    {0, 4, "MM\0+", "BigTIFF"},
    {0, 8, "\x8bJNG\r\n\x1a\n", "JNG"},
    {0, 8, "\x8aMNG\r\n\x1a\n", "MNG"},
    {0, 8, "farbfeld", "farbfeld"},
    {0, 6, "SIMPLE", "FITS"},
    {0, 4, "\x59\xa6\x6a\x95", "Sun raster"},
    {0, 2, "\x01\xda", "SGI"},
    {0, 3, "\x0a\x05\x01", "PCX"},
    {0, 9, "/* XPM */", "XPM"},
};

bool is_netpbm(const ByteReader &reader) {
    uint8_t kind = reader.u8(1), next = reader.u8(2);
    bool space = next == ' ' || next == '\n' || next == '\r' || next == '\t' || next == '#';
    return reader.u8(0) == 'P' && kind >= '1' && kind <= '7' && space;
}

[[noreturn]] void throw_unknown_format(const ByteReader &reader) {
    for (const Signature &known : kUnsupportedFormats)
        if (reader.matches(known.offset, known.bytes, known.length))
            throw Error(ErrorKind::unsupported, std::string(known.display) + " images are not supported",
                        kSupportedFormats);
    if (is_netpbm(reader))
        throw Error(ErrorKind::unsupported, "Netpbm images are not supported", kSupportedFormats);
    if (reader.size() == 0) throw Error(ErrorKind::bad_image, "image is empty");
    throw Error(ErrorKind::bad_image, "data is not an image in a known format", kSupportedFormats);
}

}  // namespace

const char *format_name(ImageFormat format) {
    return kFormatNames[static_cast<int>(format)].name;
}
const char *format_display_name(ImageFormat format) {
    return kFormatNames[static_cast<int>(format)].display;
}

ImageHeader read_header(Bytes image) {
    ByteReader reader(image);
    ImageHeader header;
    if (reader.matches(0, "\xff\xd8\xff", 3))
        header = read_jpeg_header(image);
    else if (reader.matches(0, "\x89PNG\r\n\x1a\n", 8))
        header = read_png_header(image);
    else if (reader.matches(0, "RIFF", 4) && reader.matches(8, "WEBP", 4))
        header = read_webp_header(image);
    else if (reader.matches(0, "II*\0", 4) || reader.matches(0, "MM\0*", 4))
        header = read_tiff_header(image);
    else if (reader.matches(0, "GIF87a", 6) || reader.matches(0, "GIF89a", 6))
        header = read_gif_header(image);
    else if (reader.matches(0, "BM", 2) && reader.has(0, 26))
        header = read_bmp_header(image);
    else
        throw_unknown_format(reader);

    constexpr int64_t kMaxSide = INT32_MAX;
    if (header.width <= 0 || header.height <= 0 || header.width > kMaxSide || header.height > kMaxSide) {
        std::string reason = header.damage.empty() ? "header gives no valid size" : header.damage;
        throw Error(ErrorKind::bad_image,
                    std::string(format_display_name(header.format)) + " image " + reason);
    }
    return header;
}

}  // namespace imagehash::vision
