// Decoding: every kind of pixel becomes upright 8-bit BGR on white.
#include <gtest/gtest.h>

#include <opencv2/imgproc.hpp>

#include "vision/decode.h"
#include "vision_test_images.h"

namespace imagehash::vision {
namespace {

constexpr int64_t kLimit = 1000000;

cv::Mat decoded(const Buffer &image, int min_short_side = 0) {
    return decode(bytes_of(image), kLimit, min_short_side);
}

cv::Vec3b pixel(const cv::Mat &image, int x, int y) {
    return image.at<cv::Vec3b>(y, x);
}

double largest_difference(const cv::Mat &a, const cv::Mat &b) {
    if (a.size() != b.size() || a.type() != b.type()) return 1e9;
    return cv::norm(a, b, cv::NORM_INF);
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

TEST(Decode, GreyBecomesBgr) {
    cv::Mat grey(5, 7, CV_8UC1, cv::Scalar(77));
    for (const char *extension : {".png", ".bmp", ".tiff", ".jpg"}) {
        cv::Mat image = decoded(encode(extension, grey));
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

TEST(Decode, TransparentGreyValueIsWhite) {
    cv::Mat grey(1, 2, CV_8UC1);
    grey.at<uint8_t>(0, 0) = 50;
    grey.at<uint8_t>(0, 1) = 60;
    cv::Mat image = decoded(png_with_chunk(encode(".png", grey), "tRNS", {0, 50}));
    EXPECT_EQ(pixel(image, 0, 0)[0], 255);
    EXPECT_EQ(pixel(image, 1, 0)[0], 60);
}

TEST(Decode, TransparentColourIsWhite) {
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
    // Straight alpha of one half: black becomes middle grey; premultiplied: 0 + half of white.
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

}  // namespace
}  // namespace imagehash::vision
