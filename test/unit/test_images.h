// Images for the tests, made in memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "base/status.h"
#include "base/types.h"
#include "vision/codec/decode.h"
#include "vision/types.h"

namespace imagehash::vision {

using Buffer = std::vector<uint8_t>;

// Limits that no test image meets.
constexpr Limits kAmple = {100000000, 1 << 30};

inline Bytes bytes_of(const Buffer &buffer) {
    return Bytes{buffer.data(), buffer.size()};
}

inline Buffer encode(const std::string &extension, const cv::Mat &image,
                     const std::vector<int> &options = {}) {
    Buffer buffer;
    cv::imencode(extension, image, buffer, options);
    return buffer;
}

// What decoding an image fails with; ErrorKind::none where it does not.
inline Error error_of(const Buffer &image) {
    try {
        decode(bytes_of(image), kAmple);
    } catch (const Error &error) {
        return error;
    }
    return Error(ErrorKind::none, "");
}

// Smooth, colored, without any symmetry.
inline cv::Mat gradient(int width, int height) {
    cv::Mat image(height, width, CV_8UC3);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            image.at<cv::Vec3b>(y, x) =
                cv::Vec3b(static_cast<uint8_t>(x * 255 / width), static_cast<uint8_t>(y * 255 / height),
                          static_cast<uint8_t>((x + 2 * y) * 80 / (width + height)));
    return image;
}

inline double largest_difference(const cv::Mat &a, const cv::Mat &b) {
    if (a.size() != b.size() || a.type() != b.type()) return 1e9;
    return cv::norm(a, b, cv::NORM_INF);
}

inline void append(Buffer &to, const std::string &text) {
    to.insert(to.end(), text.begin(), text.end());
}
inline void append_u32_le(Buffer &to, uint32_t value) {
    for (int i = 0; i < 4; i++) to.push_back(static_cast<uint8_t>(value >> 8 * i));
}
inline void append_u16_le(Buffer &to, uint32_t value) {
    for (int i = 0; i < 2; i++) to.push_back(static_cast<uint8_t>(value >> 8 * i));
}
inline void append_u32_be(Buffer &to, uint32_t value) {
    for (int i = 3; i >= 0; i--) to.push_back(static_cast<uint8_t>(value >> 8 * i));
}

// A little-endian EXIF block that holds nothing but an orientation.
inline Buffer exif_block(int orientation) {
    Buffer exif;
    append(exif, std::string("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 18));
    append_u32_le(exif, static_cast<uint32_t>(orientation));
    append_u32_le(exif, 0);
    return exif;
}

inline Buffer with_inserted(const Buffer &image, size_t offset, const Buffer &part) {
    Buffer result = image;
    result.insert(result.begin() + static_cast<std::ptrdiff_t>(offset), part.begin(), part.end());
    return result;
}

inline Buffer jpeg_with_orientation(const Buffer &jpeg, int orientation) {
    Buffer exif = exif_block(orientation), segment = {0xff, 0xe1};
    size_t length = exif.size() + 8;
    segment.push_back(static_cast<uint8_t>(length >> 8));
    segment.push_back(static_cast<uint8_t>(length));
    append(segment, std::string("Exif\0\0", 6));
    segment.insert(segment.end(), exif.begin(), exif.end());
    return with_inserted(jpeg, 2, segment);
}

inline uint32_t png_crc(const Buffer &data) {
    uint32_t crc = 0xffffffffu;
    for (uint8_t byte : data) {
        crc ^= byte;
        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320u ^ crc >> 1 : crc >> 1;
    }
    return ~crc;
}

inline Buffer png_chunk(const std::string &type, const Buffer &data) {
    Buffer checked, chunk;
    append(checked, type);
    checked.insert(checked.end(), data.begin(), data.end());
    append_u32_be(chunk, static_cast<uint32_t>(data.size()));
    chunk.insert(chunk.end(), checked.begin(), checked.end());
    append_u32_be(chunk, png_crc(checked));
    return chunk;
}

// Right behind IHDR.
inline Buffer png_with_chunk(const Buffer &png, const std::string &type, const Buffer &data) {
    return with_inserted(png, 33, png_chunk(type, data));
}

// The VP8X header that a WebP needs to hold EXIF, and the EXIF chunk.
inline Buffer webp_with_orientation(const Buffer &webp, int width, int height, int orientation) {
    Buffer exif = exif_block(orientation), result;
    append(result, "RIFF");
    size_t body = webp.size() - 12;
    append_u32_le(result, static_cast<uint32_t>(4 + 18 + body + 8 + exif.size()));
    append(result, "WEBPVP8X");
    append_u32_le(result, 10);
    append_u32_le(result, 0x08);
    for (int side : {width - 1, height - 1})
        for (int i = 0; i < 3; i++) result.push_back(static_cast<uint8_t>(side >> 8 * i));
    result.insert(result.end(), webp.begin() + 12, webp.end());
    append(result, "EXIF");
    append_u32_le(result, static_cast<uint32_t>(exif.size()));
    result.insert(result.end(), exif.begin(), exif.end());
    return result;
}

// An uncompressed little-endian TIFF of one strip. Samples are bytes as they lie in the file.
struct TiffEntry {
    int tag, type;
    uint32_t value;
};
struct TiffParts {
    int width, height, samples, bits;
    int photometric;
    int orientation = 1;
    int extra_samples = -1;
    int sample_format = 1;
    Buffer pixels;
    std::vector<TiffEntry> more = {};  // fields of one value, of tags above 279
};

inline Buffer make_tiff(const TiffParts &parts) {
    uint32_t pixel_offset = 8;
    uint32_t bits_offset = pixel_offset + static_cast<uint32_t>(parts.pixels.size());
    uint32_t directory = bits_offset + 8;
    bool bits_inline = parts.samples <= 2;
    uint32_t inline_bits =
        static_cast<uint32_t>(parts.samples == 2 ? parts.bits << 16 | parts.bits : parts.bits);
    std::vector<TiffEntry> entries = {{256, 4, static_cast<uint32_t>(parts.width)},
                                      {257, 4, static_cast<uint32_t>(parts.height)},
                                      {258, 3, bits_inline ? inline_bits : bits_offset},
                                      {259, 3, 1},
                                      {262, 3, static_cast<uint32_t>(parts.photometric)},
                                      {273, 4, pixel_offset},
                                      {274, 3, static_cast<uint32_t>(parts.orientation)},
                                      {277, 3, static_cast<uint32_t>(parts.samples)},
                                      {278, 4, static_cast<uint32_t>(parts.height)},
                                      {279, 4, static_cast<uint32_t>(parts.pixels.size())}};
    if (parts.extra_samples >= 0) entries.push_back({338, 3, static_cast<uint32_t>(parts.extra_samples)});
    if (parts.sample_format != 1) entries.push_back({339, 3, static_cast<uint32_t>(parts.sample_format)});

    entries.insert(entries.end(), parts.more.begin(), parts.more.end());

    Buffer tiff;
    append(tiff, std::string("II*\0", 4));
    append_u32_le(tiff, directory);
    tiff.insert(tiff.end(), parts.pixels.begin(), parts.pixels.end());
    for (int i = 0; i < 4; i++) append_u16_le(tiff, static_cast<uint32_t>(parts.bits));
    append_u16_le(tiff, static_cast<uint32_t>(entries.size()));
    for (const TiffEntry &entry : entries) {
        append_u16_le(tiff, static_cast<uint32_t>(entry.tag));
        append_u16_le(tiff, static_cast<uint32_t>(entry.type));
        append_u32_le(tiff, entry.tag == 258 ? static_cast<uint32_t>(parts.samples) : 1);
        append_u32_le(tiff, entry.value);
    }
    append_u32_le(tiff, 0);
    return tiff;
}

}  // namespace imagehash::vision
