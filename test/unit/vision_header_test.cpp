// Header readers: sizes, orientations, truncation at every byte, size bombs, formats that are named but not
// read.
#include <gtest/gtest.h>

#include "vision/codec/decode.h"
#include "vision/codec/header_tiff.h"
#include "vision/codec/image_header.h"
#include "vision/guarded.h"
#include "test_images.h"

namespace imagehash::vision {
namespace {

constexpr int kWidth = 37, kHeight = 21;

struct Sample {
    const char *extension;
    ImageFormat format;
};
const Sample kSamples[] = {{".jpg", ImageFormat::jpeg},
                           {".png", ImageFormat::png},
                           {".webp", ImageFormat::webp},
                           {".bmp", ImageFormat::bmp},
                           {".tiff", ImageFormat::tiff}};

TEST(ImageHeader, ReadsSizeAndFormat) {
    for (const Sample &sample : kSamples) {
        Buffer image = encode(sample.extension, gradient(kWidth, kHeight));
        ImageHeader header = read_header(bytes_of(image));
        EXPECT_EQ(header.format, sample.format) << sample.extension;
        EXPECT_EQ(header.width, kWidth) << sample.extension;
        EXPECT_EQ(header.height, kHeight) << sample.extension;
        EXPECT_EQ(header.orientation, 1) << sample.extension;
        EXPECT_EQ(header.damage, "") << sample.extension;
        EXPECT_EQ(header.unsupported, "") << sample.extension;
    }
}

TEST(ImageHeader, ReadsLosslessWebpSize) {
    Buffer image = encode(".webp", gradient(kWidth, kHeight), {cv::IMWRITE_WEBP_QUALITY, 101});
    ImageHeader header = read_header(bytes_of(image));
    EXPECT_EQ(header.width, kWidth);
    EXPECT_EQ(header.height, kHeight);
}

TEST(ImageHeader, ReadsGifSize) {
    Buffer gif;
    append(gif, std::string("GIF89a\x02\x01\x05\x00\0\0\0", 13));
    ImageHeader header = read_header(bytes_of(gif));
    EXPECT_EQ(header.format, ImageFormat::gif);
    EXPECT_EQ(header.width, 258);
    EXPECT_EQ(header.height, 5);
}

TEST(ImageHeader, ReadsEveryOrientation) {
    cv::Mat picture = gradient(kWidth, kHeight);
    Buffer jpeg = encode(".jpg", picture), png = encode(".png", picture), webp = encode(".webp", picture);
    for (int orientation = 0; orientation <= 9; orientation++) {
        int expected = orientation >= 1 && orientation <= 8 ? orientation : 1;
        EXPECT_EQ(read_header(bytes_of(jpeg_with_orientation(jpeg, orientation))).orientation, expected);
        EXPECT_EQ(read_header(bytes_of(png_with_chunk(png, "eXIf", exif_block(orientation)))).orientation,
                  expected);
        Buffer turned = webp_with_orientation(webp, kWidth, kHeight, orientation);
        EXPECT_EQ(read_header(bytes_of(turned)).orientation, expected);
        Buffer tiff = make_tiff({2, 1, 1, 8, 1, orientation, -1, 1, {1, 2}});
        EXPECT_EQ(read_header(bytes_of(tiff)).orientation, expected);
    }
}

TEST(ImageHeader, ReadsBigEndianExif) {
    Buffer exif;
    append(exif, std::string("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0", 26));
    EXPECT_EQ(exif_orientation(bytes_of(exif)), 6);
}

// No prefix of an image may decode, crash, or read beyond its end (each lies in an allocation of its own
// size).
TEST(ImageHeader, EveryTruncationIsAnError) {
    for (const Sample &sample : kSamples) {
        Buffer image = encode(sample.extension, gradient(kWidth, kHeight));
        if (sample.format == ImageFormat::jpeg) image = jpeg_with_orientation(image, 6);
        for (size_t length = 0; length < image.size(); length++) {
            Buffer part(image.begin(), image.begin() + static_cast<std::ptrdiff_t>(length));
            part.shrink_to_fit();
            // libtiff does not need the offset of a next directory, and WebP not the byte that pads a chunk.
            bool padding = length + (sample.format == ImageFormat::tiff ? 4 : 1) >= image.size() &&
                           (sample.format == ImageFormat::tiff || sample.format == ImageFormat::webp);
            if (padding) continue;
            EXPECT_NE(error_of(part).kind, ErrorKind::none) << sample.extension << " " << length;
        }
    }
}

// One damaged byte anywhere: any answer but a crash.
TEST(ImageHeader, DamagedBytesDoNotCrash) {
    for (const Sample &sample : kSamples) {
        Buffer image = encode(sample.extension, gradient(9, 7));
        for (size_t i = 0; i < std::min<size_t>(image.size(), 400); i++)
            for (int value : {0x00, 0x7f, 0xff}) {
                Buffer damaged = image;
                damaged[i] = static_cast<uint8_t>(value);
                guarded([&] { decode(bytes_of(damaged), kAmple); });
            }
    }
}

TEST(ImageHeader, TruncationIsSaid) {
    Buffer jpeg = encode(".jpg", gradient(200, 100));
    jpeg.resize(jpeg.size() - 100);
    Error error = error_of(jpeg);
    EXPECT_EQ(error.kind, ErrorKind::bad_image);
    EXPECT_EQ(error.message, "JPEG image is truncated: no end-of-image marker after " +
                                 std::to_string(jpeg.size()) + " bytes");

    // With an end marker in the wrong place libjpeg would invent the rest.
    jpeg.resize(jpeg.size() / 2);
    jpeg.push_back(0xff);
    jpeg.push_back(0xd9);
    EXPECT_EQ(error_of(jpeg).kind, ErrorKind::bad_image);
}

TEST(ImageHeader, BombsAreRefusedBeforeAllocation) {
    Buffer png = encode(".png", gradient(8, 8));
    Buffer ihdr;
    append_u32_be(ihdr, 60000);
    append_u32_be(ihdr, 60000);
    for (uint8_t byte : {8, 2, 0, 0, 0}) ihdr.push_back(byte);
    Buffer chunk = png_chunk("IHDR", ihdr);
    std::copy(chunk.begin(), chunk.end(), png.begin() + 8);
    Error error = error_of(png);
    EXPECT_EQ(error.kind, ErrorKind::too_large);
    EXPECT_EQ(error.message, "image has 3600000000 pixels, more than the limit of 100000000");
    EXPECT_NE(error.hint, "");

    Buffer tiff = make_tiff({1 << 30, 1 << 30, 1, 8, 1, 1, -1, 1, {1, 2}});
    EXPECT_EQ(error_of(tiff).kind, ErrorKind::too_large);
}

TEST(ImageHeader, KnownFormatsAreNamed) {
    Buffer avif;
    append(avif, std::string("\0\0\0\x1c"
                             "ftypavif\0\0\0\0",
                             16));
    EXPECT_EQ(error_of(avif).kind, ErrorKind::unsupported);
    EXPECT_EQ(error_of(avif).message, "AVIF images are not supported");
    Buffer psd;
    append(psd, "8BPS________");
    EXPECT_EQ(error_of(psd).message, "Photoshop images are not supported");
}

TEST(ImageHeader, UnknownBytesAreSaidToBe) {
    Buffer text;
    append(text, "this is not an image");
    EXPECT_EQ(error_of(text).kind, ErrorKind::bad_image);
    EXPECT_EQ(error_of(text).message, "data is not an image in a known format");
    EXPECT_EQ(error_of({}).message, "image is empty");
}

TEST(ImageHeader, UnsupportedFeaturesAreNamed) {
    Buffer floats = make_tiff({1, 1, 1, 32, 1, 1, -1, 3, {0, 0, 0, 0}});
    EXPECT_EQ(error_of(floats).kind, ErrorKind::unsupported);
    Buffer gray_alpha = make_tiff({1, 1, 2, 8, 1, 1, 2, 1, {0, 0}});
    EXPECT_EQ(error_of(gray_alpha).message, "gray TIFF images with alpha are not supported");
}

// libtiff also takes SLONG (9) for a tile's size: an unreadable field must not pass for an absent one.
TEST(ImageHeader, TiffFieldsOfUnknownTypeAreRefused) {
    TiffParts parts{2, 1, 1, 8, 1, 1, -1, 1, {1, 2}};
    parts.more = {{322, 9, 16384}, {323, 9, 16384}};
    EXPECT_EQ(error_of(make_tiff(parts)).kind, ErrorKind::unsupported);
    EXPECT_EQ(error_of(make_tiff(parts)).message, "TIFF images with field 322 of type 9 are not supported");
    // A tile needs a width, a length and an offset, whichever is there.
    for (int tag : {322, 323, 324, 325}) {
        parts.more = {{tag, 4, 16}};
        EXPECT_EQ(error_of(make_tiff(parts)).kind, ErrorKind::bad_image) << tag;
    }
}

TEST(ImageHeader, TiffFieldBeyondTheEndIsDamage) {
    TiffParts parts{1, 1, 3, 8, 2, 1, -1, 1, {1, 2, 3}};
    Buffer tiff = make_tiff(parts);
    size_t bits = tiff.size() - 4 - 8 * 12 + 8;
    for (size_t i = 0; i < 3; i++) tiff[bits + i] = 0xff;
    EXPECT_EQ(error_of(tiff).message, "TIFF image is damaged: field 258 has no values in the file");
}

// Wherever a marker lies among stuffed zeros, with fill bytes or without.
TEST(ImageHeader, JpegMarkersAreFoundAmongStuffedZeros) {
    Buffer start = encode(".jpg", gradient(kWidth, kHeight));
    size_t scan = 0;
    while (start[scan] != 0xff || start[scan + 1] != 0xda) scan++;
    start.resize(scan + 2 + start[scan + 3]);
    for (size_t zeros = 0; zeros < 150; zeros++)
        for (int plain : {0, 1})
            for (int fill : {0, 1, 2}) {
                Buffer image = start;
                if (plain) image.push_back(0x5a);
                for (size_t i = 0; i < zeros; i++) image.insert(image.end(), {0xff, 0});
                EXPECT_NE(read_header(bytes_of(image)).damage, "");
                for (int i = 0; i < fill; i++) image.push_back(0xff);
                image.insert(image.end(), {0xff, 0xd9});
                // Behind the end nothing counts.
                for (int i = 0; i < 100; i++) image.insert(image.end(), {0xff, 0xda});
                ImageHeader header = read_header(bytes_of(image));
                EXPECT_EQ(header.damage, "") << zeros << " " << plain << " " << fill;
                EXPECT_EQ(header.scans, 1);
            }
}

TEST(ImageHeader, CountsTheScansOfAJpeg) {
    cv::Mat picture = gradient(kWidth, kHeight);
    EXPECT_EQ(read_header(bytes_of(encode(".jpg", picture))).scans, 1);
    EXPECT_EQ(read_header(bytes_of(encode(".jpg", picture, {cv::IMWRITE_JPEG_PROGRESSIVE, 1}))).scans, 10);
}

}  // namespace
}  // namespace imagehash::vision
