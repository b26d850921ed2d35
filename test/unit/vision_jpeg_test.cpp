// JPEG: the pixels of OpenCV, nothing made up, CMYK of both kinds, stopping, scans.
#include <array>
#include <cstdio>

#include <gtest/gtest.h>

#include "../lib/jpeg_in_memory.h"
#include "vision/codec/decode.h"
#include "test_images.h"

namespace imagehash::vision {
namespace {

// The first marker of a kind.
size_t marker(const Buffer &jpeg, uint8_t kind) {
    for (size_t i = 0; i + 1 < jpeg.size(); i++)
        if (jpeg[i] == 0xff && jpeg[i + 1] == kind) return i;
    return jpeg.size();
}

Buffer cut_in_its_scan(Buffer jpeg) {
    jpeg.resize(marker(jpeg, 0xda) + (jpeg.size() - marker(jpeg, 0xda)) / 3);
    jpeg.insert(jpeg.end(), {0xff, 0xd9});
    return jpeg;
}

TEST(DecodeJpeg, PixelsAreThoseOfOpenCv) {
    cv::Mat picture = gradient(403, 301);
    cv::randn(picture(cv::Rect(50, 50, 100, 100)), 128, 60);
    for (int progressive : {0, 1})
        for (int restart : {0, 3}) {
            Buffer jpeg =
                encode(".jpg", picture,
                       {cv::IMWRITE_JPEG_PROGRESSIVE, progressive, cv::IMWRITE_JPEG_RST_INTERVAL, restart});
            struct {
                int short_side, flags;
            } cases[] = {{0, cv::IMREAD_COLOR},
                         {150, cv::IMREAD_REDUCED_COLOR_2},
                         {75, cv::IMREAD_REDUCED_COLOR_4},
                         {37, cv::IMREAD_REDUCED_COLOR_8}};
            for (const auto &reduced : cases) {
                cv::Mat ours = decode(bytes_of(jpeg), kAmple, reduced.short_side),
                        theirs = cv::imdecode(jpeg, reduced.flags);
                ASSERT_EQ(ours.size(), theirs.size());
                EXPECT_EQ(cv::norm(ours, theirs, cv::NORM_INF), 0);
            }
        }
}

// One color, as a program without Adobe's marker stores it, or Adobe's inverted.
Buffer cmyk_jpeg(uint8_t c, uint8_t m, uint8_t y, uint8_t k, bool adobe) {
    JpegInMemory file(16, 16, 4, JCS_CMYK);
    jpeg_set_quality(&file.jpeg, 100, TRUE);
    file.jpeg.write_Adobe_marker = adobe;
    uint8_t row[16 * 4], ink[4] = {c, m, y, k};
    for (int i = 0; i < 16 * 4; i++) row[i] = adobe ? 255 - ink[i % 4] : ink[i % 4];
    for (int i = 0; i < 16; i++) file.add_row(row);
    return file.finish();
}

TEST(DecodeJpeg, CmykIsInkWhoeverStoredIt) {
    for (bool adobe : {false, true}) {
        cv::Mat cyan = decode(bytes_of(cmyk_jpeg(255, 0, 0, 0, adobe)), kAmple);
        cv::Mat dark = decode(bytes_of(cmyk_jpeg(0, 100, 0, 127, adobe)), kAmple);
        for (int c = 0; c < 3; c++) {
            EXPECT_NEAR(cyan.at<cv::Vec3b>(8, 8)[c], (std::array<int, 3>{255, 255, 0})[c], 2) << adobe;
            EXPECT_NEAR(dark.at<cv::Vec3b>(8, 8)[c], (std::array<int, 3>{128, 78, 128})[c], 2) << adobe;
        }
    }
}

// libjpeg warns of the header first, and OpenCV would hear no more.
TEST(DecodeJpeg, OddHeaderDoesNotHideATruncatedScan) {
    Buffer jpeg = encode(".jpg", gradient(200, 150));
    ASSERT_EQ(std::string(jpeg.begin() + 6, jpeg.begin() + 10), "JFIF");
    jpeg[11] = 9;  // JFIF 9.1
    EXPECT_EQ(error_of(jpeg).kind, ErrorKind::none);
    EXPECT_EQ(error_of(cut_in_its_scan(jpeg)).message,
              "JPEG image cannot be decoded: Corrupt JPEG data: premature end of data segment");
}

TEST(DecodeJpeg, BadCodeIsDamage) {
    Buffer jpeg = encode(".jpg", gradient(200, 150));
    // Ones only, as no Huffman code has them.
    size_t scan = marker(jpeg, 0xda) + 40;
    for (size_t i = 0; i < 40; i += 2) jpeg[scan + i] = 0xff, jpeg[scan + i + 1] = 0;
    EXPECT_EQ(error_of(jpeg).kind, ErrorKind::bad_image);
}

int asked;

TEST(DecodeJpeg, StopsWhenAskedTo) {
    for (int progressive : {0, 1}) {
        Buffer jpeg = encode(".jpg", gradient(1000, 1000), {cv::IMWRITE_JPEG_PROGRESSIVE, progressive});
        for (int stop_at : {1, 50}) {
            asked = 0;
            static int last;
            last = stop_at;
            Limits limits = kAmple;
            limits.stop = [] { return ++asked == last; };
            try {
                decode(bytes_of(jpeg), limits);
                ADD_FAILURE();
            } catch (const Error &error) {
                EXPECT_EQ(error.kind, ErrorKind::cancelled);
            }
            EXPECT_EQ(asked, stop_at);
        }
    }
}

// Progressive, the first scan again and again.
Buffer with_scans(int more) {
    Buffer jpeg = encode(".jpg", gradient(100, 100), {cv::IMWRITE_JPEG_PROGRESSIVE, 1});
    size_t begin = marker(jpeg, 0xda), end = begin + 2;
    while (jpeg[end] != 0xff || jpeg[end + 1] == 0) end++;
    Buffer scan(jpeg.begin() + static_cast<std::ptrdiff_t>(begin),
                jpeg.begin() + static_cast<std::ptrdiff_t>(end));
    for (int i = 0; i < more; i++) jpeg = with_inserted(jpeg, end, scan);
    return jpeg;
}

TEST(DecodeJpeg, ScansAreLimitedByWork) {
    Buffer ten = with_scans(0), hundred = with_scans(90), more = with_scans(91);
    EXPECT_EQ(error_of(hundred).kind, ErrorKind::none);
    EXPECT_EQ(error_of(more).message, "JPEG image of 10000 pixels has 101 scans, more than the limit of 100");
    EXPECT_EQ(error_of(more).kind, ErrorKind::too_large);
    Limits tight = {10000, 1 << 30};
    decode(bytes_of(ten), tight);
    EXPECT_THROW(decode(bytes_of(with_scans(1)), tight), Error);
}

}  // namespace
}  // namespace imagehash::vision
