// Decoding: every kind of pixel becomes upright 8-bit BGR on white.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdarg>
#include <fstream>

#include <opencv2/imgproc.hpp>

#include "vision/codec/decode.h"
#include "vision/guarded.h"
#include "test_images.h"

namespace imagehash::vision {
namespace {

constexpr Limits kLimit = {1000000, 1 << 30};

cv::Mat decoded(const Buffer &image, int min_short_side = 0) {
    return decode(bytes_of(image), kLimit, min_short_side);
}

cv::Vec3b pixel(const cv::Mat &image, int x, int y) {
    return image.at<cv::Vec3b>(y, x);
}

TEST(Decode, LosslessFormatsKeepPixels) {
    cv::Mat picture = gradient(31, 17);
    for (const char *extension : {".png", ".bmp", ".tiff"})
        EXPECT_EQ(largest_difference(decoded(encode(extension, picture)), picture), 0) << extension;
    EXPECT_LE(largest_difference(decoded(encode(".webp", picture, {cv::IMWRITE_WEBP_QUALITY, 101})), picture),
              0);
    EXPECT_LE(largest_difference(decoded(encode(".jpg", picture, {cv::IMWRITE_JPEG_QUALITY, 100})), picture),
              12);
}

TEST(Decode, GrayBecomesBgr) {
    cv::Mat gray(5, 7, CV_8UC1, cv::Scalar(77));
    for (const char *extension : {".png", ".bmp", ".tiff", ".jpg"}) {
        cv::Mat image = decoded(encode(extension, gray));
        EXPECT_EQ(image.type(), CV_8UC3);
        EXPECT_EQ(pixel(image, 3, 2), cv::Vec3b(77, 77, 77)) << extension;
    }
}

TEST(Decode, AlphaIsComposedOnWhite) {
    cv::Mat image(1, 3, CV_8UC4);
    image.at<cv::Vec4b>(0, 0) = cv::Vec4b(10, 20, 30, 255);
    image.at<cv::Vec4b>(0, 1) = cv::Vec4b(10, 20, 30, 0);
    image.at<cv::Vec4b>(0, 2) = cv::Vec4b(0, 100, 255, 128);
    for (const char *extension : {".png", ".webp"}) {
        cv::Mat on_white = decoded(encode(extension, image, {cv::IMWRITE_WEBP_QUALITY, 101}));
        EXPECT_EQ(pixel(on_white, 0, 0), cv::Vec3b(10, 20, 30)) << extension;
        EXPECT_EQ(pixel(on_white, 1, 0), cv::Vec3b(255, 255, 255)) << extension;
        EXPECT_EQ(pixel(on_white, 2, 0), cv::Vec3b(127, 177, 255)) << extension;
    }
}

TEST(Decode, SixteenBitsWithAlpha) {
    cv::Mat image(1, 2, CV_16UC4);
    image.at<cv::Vec4w>(0, 0) = cv::Vec4w(257 * 10, 257 * 20, 257 * 30, 65535);
    image.at<cv::Vec4w>(0, 1) = cv::Vec4w(0, 0, 0, 0);
    cv::Mat on_white = decoded(encode(".png", image));
    EXPECT_EQ(on_white.type(), CV_8UC3);
    EXPECT_EQ(pixel(on_white, 0, 0), cv::Vec3b(10, 20, 30));
    EXPECT_EQ(pixel(on_white, 1, 0), cv::Vec3b(255, 255, 255));
}

TEST(Decode, SixteenBitsRoundToNearest) {
    cv::Mat image(1, 3, CV_16UC1);
    image.at<uint16_t>(0, 0) = 0;
    image.at<uint16_t>(0, 1) = 257 * 100 + 200;
    image.at<uint16_t>(0, 2) = 65535;
    cv::Mat narrow = decoded(encode(".png", image));
    EXPECT_EQ(pixel(narrow, 0, 0)[0], 0);
    EXPECT_EQ(pixel(narrow, 1, 0)[0], 101);
    EXPECT_EQ(pixel(narrow, 2, 0)[0], 255);
}

TEST(Decode, TransparentGrayValueIsWhite) {
    cv::Mat gray(1, 2, CV_8UC1);
    gray.at<uint8_t>(0, 0) = 50;
    gray.at<uint8_t>(0, 1) = 60;
    cv::Mat image = decoded(png_with_chunk(encode(".png", gray), "tRNS", {0, 50}));
    EXPECT_EQ(pixel(image, 0, 0)[0], 255);
    EXPECT_EQ(pixel(image, 1, 0)[0], 60);
}

TEST(Decode, TransparentColorIsWhite) {
    cv::Mat picture(1, 2, CV_8UC3);
    picture.at<cv::Vec3b>(0, 0) = cv::Vec3b(1, 2, 3);
    picture.at<cv::Vec3b>(0, 1) = cv::Vec3b(4, 5, 6);
    cv::Mat image = decoded(png_with_chunk(encode(".png", picture), "tRNS", {0, 3, 0, 2, 0, 1}));
    EXPECT_EQ(pixel(image, 0, 0), cv::Vec3b(255, 255, 255));
    EXPECT_EQ(pixel(image, 1, 0), cv::Vec3b(4, 5, 6));
}

TEST(Decode, OneBitPng) {
    cv::Mat image =
        decoded(encode(".png", cv::Mat(3, 9, CV_8UC1, cv::Scalar(255)), {cv::IMWRITE_PNG_BILEVEL, 1}));
    EXPECT_EQ(pixel(image, 8, 2), cv::Vec3b(255, 255, 255));
}

TEST(Decode, TiffKinds) {
    EXPECT_EQ(pixel(decoded(make_tiff({1, 1, 1, 8, 0, 1, -1, 1, {10}})), 0, 0)[0], 245) << "0 is white";
    EXPECT_EQ(pixel(decoded(make_tiff({1, 1, 1, 16, 0, 1, -1, 1, {10, 10}})), 0, 0)[0], 245)
        << "0 is white, 16 bits";
    EXPECT_EQ(pixel(decoded(make_tiff({1, 1, 1, 1, 1, 1, -1, 1, {0x80}})), 0, 0)[0], 255) << "1 bit";
    EXPECT_EQ(pixel(decoded(make_tiff({1, 1, 3, 8, 2, 1, -1, 1, {1, 2, 3}})), 0, 0), cv::Vec3b(3, 2, 1));
    EXPECT_EQ(pixel(decoded(make_tiff({1, 1, 3, 16, 2, 1, -1, 1, {1, 1, 2, 2, 3, 3}})), 0, 0),
              cv::Vec3b(3, 2, 1));
    // Straight alpha of one half: black becomes middle gray; premultiplied: 0 + half of white.
    EXPECT_NEAR(pixel(decoded(make_tiff({1, 1, 4, 8, 2, 1, 2, 1, {0, 0, 0, 128}})), 0, 0)[0], 127, 1);
    EXPECT_NEAR(pixel(decoded(make_tiff({1, 1, 4, 8, 2, 1, 1, 1, {0, 0, 0, 128}})), 0, 0)[0], 127, 1);
    EXPECT_NEAR(pixel(decoded(make_tiff({1, 1, 4, 8, 2, 1, 2, 1, {200, 200, 200, 128}})), 0, 0)[0], 227, 1);
    Buffer deep = make_tiff({1, 1, 4, 16, 2, 1, 2, 1, {200, 200, 200, 200, 200, 200, 128, 128}});
    EXPECT_NEAR(pixel(decoded(deep), 0, 0)[0], 227, 1);
}

// Stored so that orientation o makes it upright: the inverse of apply_orientation().
cv::Mat turned_for(const cv::Mat &upright, int orientation) {
    int inverse = orientation == 6 ? 8 : orientation == 8 ? 6 : orientation;
    return apply_orientation(upright, inverse).clone();
}

TEST(Decode, EveryOrientationOfEveryFormat) {
    cv::Mat upright = gradient(24, 16);
    for (int orientation = 1; orientation <= 8; orientation++) {
        cv::Mat stored = turned_for(upright, orientation);
        Buffer png = png_with_chunk(encode(".png", stored), "eXIf", exif_block(orientation));
        EXPECT_EQ(largest_difference(decoded(png), upright), 0) << "png " << orientation;

        Buffer webp = webp_with_orientation(encode(".webp", stored, {cv::IMWRITE_WEBP_QUALITY, 101}),
                                            stored.cols, stored.rows, orientation);
        EXPECT_EQ(largest_difference(decoded(webp), upright), 0) << "webp " << orientation;

        Buffer jpeg =
            jpeg_with_orientation(encode(".jpg", stored, {cv::IMWRITE_JPEG_QUALITY, 100}), orientation);
        EXPECT_LE(largest_difference(decoded(jpeg), upright), 25) << "jpeg " << orientation;

        cv::Mat rgb;
        cv::cvtColor(stored, rgb, cv::COLOR_BGR2RGB);
        TiffParts parts{
            stored.cols, stored.rows, 3, 8, 2, orientation, -1, 1, Buffer(rgb.datastart, rgb.dataend)};
        EXPECT_EQ(largest_difference(decoded(make_tiff(parts)), upright), 0) << "tiff " << orientation;

        cv::Mat deep;
        rgb.convertTo(deep, CV_16U, 257);
        parts.bits = 16;
        parts.pixels.assign(deep.datastart, deep.dataend);
        EXPECT_EQ(largest_difference(decoded(make_tiff(parts)), upright), 0) << "16-bit tiff " << orientation;
    }
}

TEST(Decode, OrientationDefinition) {
    cv::Mat stored = gradient(3, 2);
    // Orientation 6: the stored first row is the right column of the upright image.
    cv::Mat upright = apply_orientation(stored, 6);
    EXPECT_EQ(upright.size(), cv::Size(2, 3));
    EXPECT_EQ(pixel(upright, 1, 0), pixel(stored, 0, 0));
    EXPECT_EQ(pixel(upright, 1, 2), pixel(stored, 2, 0));
    // Orientation 5: mirrored along the main diagonal.
    EXPECT_EQ(pixel(apply_orientation(stored, 5), 1, 2), pixel(stored, 2, 1));
}

TEST(Decode, ScaledJpegKeepsTheShortSide) {
    Buffer jpeg = encode(".jpg", gradient(801, 403));
    EXPECT_EQ(decoded(jpeg, 0).size(), cv::Size(801, 403));
    EXPECT_EQ(decoded(jpeg, 300).size(), cv::Size(801, 403));
    EXPECT_EQ(decoded(jpeg, 201).size(), cv::Size(401, 202));
    EXPECT_EQ(decoded(jpeg, 100).size(), cv::Size(201, 101));
    EXPECT_EQ(decoded(jpeg, 1).size(), cv::Size(101, 51));
    EXPECT_EQ(decoded(encode(".png", gradient(801, 403)), 100).size(), cv::Size(801, 403));
}

TEST(Decode, SmallestWebp) {
    EXPECT_EQ(decoded(encode(".webp", gradient(1, 1), {cv::IMWRITE_WEBP_QUALITY, 101})).size(),
              cv::Size(1, 1));
}

TEST(Decode, NothingReachesStderr) {
    Buffer png = encode(".png", gradient(8, 8));
    png[45] ^= 0xff;
    Buffer jpeg = encode(".jpg", gradient(64, 64));
    jpeg.insert(jpeg.end() - 2, {0xff, 0x00, 0x12, 0x34});
    testing::internal::CaptureStderr();
    EXPECT_THROW(decoded(png), Error);
    decoded(jpeg);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

using TiffHandler = void (*)(const char *, const char *, va_list);
int foreign_calls = 0;
void foreign_handler(const char *, const char *, va_list) {
    foreign_calls++;
}

// libtiff's handlers belong to the whole process: another extension's must neither see our errors nor be
// lost.
TEST(Decode, HandlersOfLibtiffAreBorrowed) {
    for (const char *name : {"TIFFSetErrorHandler", "TIFFSetWarningHandler"}) {
        auto set = reinterpret_cast<TiffHandler (*)(TiffHandler)>(dlsym(RTLD_DEFAULT, name));
        if (!set) GTEST_SKIP() << "libtiff is not visible";
        foreign_calls = 0;
        TiffHandler before = set(foreign_handler);
        // Deflate that ends early, and an unknown field, of which libtiff warns.
        Buffer broken = make_tiff({4, 4, 1, 8, 1, 1, -1, 1, Buffer(16, 0x55)});
        size_t compression = broken.size() - 4 - 7 * 12 + 8;
        broken[compression] = 8;
        Error error = error_of(broken);
        EXPECT_EQ(error.kind, ErrorKind::bad_image) << name;
        EXPECT_NE(error.message.find("TIFF image cannot be decoded: "), std::string::npos) << error.message;
        Buffer odd = make_tiff({1, 1, 1, 8, 1, 1, -1, 1, {7}});
        odd[odd.size() - 4 - 12] = 0xff;  // StripByteCounts (279) becomes 511
        EXPECT_NE(error_of(odd).kind, ErrorKind::internal);
        EXPECT_EQ(foreign_calls, 0) << name;
        EXPECT_EQ(set(before), foreign_handler) << name;
    }
}

// The first marker of a kind.
size_t marker(const Buffer &jpeg, uint8_t kind) {
    for (size_t i = 0; i + 1 < jpeg.size(); i++)
        if (jpeg[i] == 0xff && jpeg[i + 1] == kind) return i;
    return jpeg.size();
}

TEST(Decode, StrayBytesDoNotHideATruncatedJpeg) {
    Buffer jpeg = encode(".jpg", gradient(200, 150));
    cv::Mat whole = decoded(jpeg);
    for (uint8_t kind : {0xdb, 0xc0, 0xda}) {
        Buffer stray = with_inserted(jpeg, marker(jpeg, kind), {0x00, 0x12, 0xff, 0x00});
        EXPECT_EQ(largest_difference(decoded(stray), whole), 0);
        stray.resize(marker(stray, 0xda) + (stray.size() - marker(stray, 0xda)) / 3);
        stray.insert(stray.end(), {0xff, 0xd9});
        EXPECT_EQ(error_of(stray).message,
                  "JPEG image cannot be decoded: Corrupt JPEG data: premature end of data segment");
    }
}

TEST(Decode, LostRestartMarkerIsIncomplete) {
    Buffer jpeg = encode(".jpg", gradient(200, 150), {cv::IMWRITE_JPEG_RST_INTERVAL, 5});
    size_t first = marker(jpeg, 0xd2), second = marker(jpeg, 0xd3);
    ASSERT_LT(second, jpeg.size());
    jpeg.erase(jpeg.begin() + static_cast<std::ptrdiff_t>(first),
               jpeg.begin() + static_cast<std::ptrdiff_t>(second));
    EXPECT_EQ(error_of(jpeg).kind, ErrorKind::bad_image);
}

size_t address_space() {
    size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    return pages * 4096;
}

// Decodes with so many more bytes of address space, as under ulimit -v.
Status status_with_memory(const Buffer &image, size_t bytes) {
    decoded(encode(".jpg", gradient(8, 8)));
    rlimit before;
    getrlimit(RLIMIT_AS, &before);
    rlimit narrow = before;
    narrow.rlim_cur = address_space() + bytes;
    setrlimit(RLIMIT_AS, &narrow);
    Status status = guarded([&] { decode(bytes_of(image), kAmple); });
    setrlimit(RLIMIT_AS, &before);
    return status;
}

TEST(Decode, OutOfMemoryIsNotABadImage) {
#if defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "the sanitizer needs the address space";
#endif
    cv::Mat picture(6000, 6000, CV_8UC3, cv::Scalar(1, 2, 3));
    Buffer jpeg = encode(".jpg", picture),
           progressive = encode(".jpg", picture, {cv::IMWRITE_JPEG_PROGRESSIVE, 1}),
           png = encode(".png", picture), tiff = encode(".tiff", picture);
    picture.release();
    for (const Buffer *image : {&jpeg, &png, &tiff}) {
        Status status = status_with_memory(*image, 40u << 20);
        EXPECT_EQ(status.kind, ErrorKind::out_of_memory) << status.message;
    }
    // Room for the pixels, not for the coefficients: libjpeg fails, without a word.
    Status status = status_with_memory(progressive, 150u << 20);
    EXPECT_EQ(status.kind, ErrorKind::out_of_memory) << status.message;
    EXPECT_STREQ(status.message, "out of memory while decoding a JPEG image");
}

// A BMP with a V4 header: masks and alpha.
Buffer bmp_with_alpha(const Buffer &bgra, int width, int height) {
    Buffer bmp;
    append(bmp, "BM");
    append_u32_le(bmp, static_cast<uint32_t>(122 + bgra.size()));
    append_u32_le(bmp, 0);
    append_u32_le(bmp, 122);
    append_u32_le(bmp, 108);
    append_u32_le(bmp, static_cast<uint32_t>(width));
    append_u32_le(bmp, static_cast<uint32_t>(height));
    append_u16_le(bmp, 1);
    append_u16_le(bmp, 32);
    append_u32_le(bmp, 3);
    append_u32_le(bmp, static_cast<uint32_t>(bgra.size()));
    for (int i = 0; i < 4; i++) append_u32_le(bmp, 0);
    for (uint32_t mask : {0x00ff0000u, 0x0000ff00u, 0x000000ffu, 0xff000000u}) append_u32_le(bmp, mask);
    bmp.resize(122);
    bmp.insert(bmp.end(), bgra.begin(), bgra.end());
    return bmp;
}

TEST(Decode, BmpWithoutAnyAlphaIsOpaque) {
    cv::Mat unused = decoded(bmp_with_alpha({10, 20, 30, 0, 40, 50, 60, 0}, 2, 1));
    EXPECT_EQ(pixel(unused, 0, 0), cv::Vec3b(10, 20, 30));
    EXPECT_EQ(pixel(unused, 1, 0), cv::Vec3b(40, 50, 60));
    cv::Mat used = decoded(bmp_with_alpha({10, 20, 30, 0, 40, 50, 60, 255}, 2, 1));
    EXPECT_EQ(pixel(used, 0, 0), cv::Vec3b(255, 255, 255));
    EXPECT_EQ(pixel(used, 1, 0), cv::Vec3b(40, 50, 60));
}

}  // namespace
}  // namespace imagehash::vision
