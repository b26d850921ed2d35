// JPEGs at 1/8 scale: with the filters, pixels and errors are those of libjpeg alone.
#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include <gtest/gtest.h>
#include <opencv2/imgproc.hpp>

#include "../lib/jpeg_in_memory.h"
#include "vision/codec/decode_jpeg.h"
#include "vision/codec/image_header.h"
#include "test_images.h"

namespace imagehash::vision {
namespace {

struct Form {
    int h_samp = 2, v_samp = 2;  // sampling factors of luma; those of chroma are 1
    J_COLOR_SPACE space = JCS_YCbCr;
    int quality = 90, restart = 0;
    bool progressive = false, optimized = false;
    const char *name = "";
};

J_COLOR_SPACE given_space(J_COLOR_SPACE stored) {
    if (stored == JCS_GRAYSCALE) return JCS_GRAYSCALE;
    return stored == JCS_CMYK || stored == JCS_YCCK ? JCS_CMYK : JCS_RGB;
}

// A picture with noise, so that Huffman codes of all lengths occur.
Buffer jpeg_of(int width, int height, const Form &form) {
    const J_COLOR_SPACE given = given_space(form.space);
    const int components = given == JCS_GRAYSCALE ? 1 : (given == JCS_RGB ? 3 : 4);
    JpegInMemory file(width, height, components, given);
    jpeg_compress_struct &jpeg = file.jpeg;
    jpeg_set_colorspace(&jpeg, form.space);
    jpeg_set_quality(&jpeg, form.quality, TRUE);
    jpeg.comp_info[0].h_samp_factor = form.h_samp;
    jpeg.comp_info[0].v_samp_factor = form.v_samp;
    jpeg.restart_interval = static_cast<unsigned>(form.restart);
    jpeg.optimize_coding = form.optimized ? TRUE : FALSE;
    if (form.progressive) jpeg_simple_progression(&jpeg);
    std::minstd_rand random(static_cast<unsigned>(width * 1000 + height));
    std::vector<uint8_t> row(static_cast<size_t>(width * components));
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width * components; x++) {
            int noise = x / components > width / 2 ? static_cast<int>(random() % 64) : 0;
            row[static_cast<size_t>(x)] = static_cast<uint8_t>(2 * x + 3 * y + noise);
        }
        file.add_row(row.data());
    }
    return file.finish();
}

struct Decoded {
    cv::Mat pixels;
    Error error{ErrorKind::none, ""};
    bool filtered = false;
};

Decoded decoded(const Buffer &jpeg, const ImageHeader &header, int factor, bool filter) {
    Decoded result;
    JpegFiltering filtering{filter ? JpegFiltering::always : JpegFiltering::never, false};
    try {
        result.pixels = decode_jpeg(bytes_of(jpeg), header, factor, nullptr, &filtering);
    } catch (const Error &error) {
        result.error = error;
    }
    result.filtered = filtering.used;
    return result;
}

bool same_pixels(const cv::Mat &a, const cv::Mat &b) {
    return a.size() == b.size() && (a.empty() || cv::norm(a, b, cv::NORM_INF) == 0);
}

// Works for damaged files too, in which markers may lie anywhere.
bool is_progressive(const Buffer &jpeg) {
    constexpr uint8_t kSof2[] = {0xff, 0xc2};
    return std::search(jpeg.begin(), jpeg.end(), std::begin(kSof2), std::end(kSof2)) != jpeg.end();
}

void jump(j_common_ptr jpeg) {
    longjmp(*static_cast<jmp_buf *>(jpeg->client_data), 1);
}

// What libjpeg decodes at 1/8 scale if it continues after each warning. Empty if it fails.
cv::Mat tolerantly_decoded(const Buffer &image, int width, int height) {
    cv::Mat pixels(height, width, CV_8UC3);
    jpeg_decompress_struct jpeg;
    jpeg_error_mgr errors;
    jmp_buf end;
    jpeg.err = jpeg_std_error(&errors);
    errors.error_exit = jump;
    errors.emit_message = [](j_common_ptr, int) {};
    jpeg.client_data = &end;
    jpeg_create_decompress(&jpeg);
    volatile bool done = false;
    if (setjmp(end) == 0) {
        jpeg_mem_src(&jpeg, const_cast<unsigned char *>(image.data()),
                     static_cast<unsigned long>(image.size()));
        jpeg_read_header(&jpeg, TRUE);
        jpeg.scale_num = 1;
        jpeg.scale_denom = 8;
        jpeg.out_color_space = JCS_RGB;
        jpeg.do_block_smoothing = FALSE;
        jpeg_start_decompress(&jpeg);
        while (jpeg.output_scanline < jpeg.output_height) {
            JSAMPROW row = pixels.ptr(static_cast<int>(jpeg.output_scanline));
            jpeg_read_scanlines(&jpeg, &row, 1);
        }
        done = true;
    }
    jpeg_destroy_decompress(&jpeg);
    if (!done) return cv::Mat();
    cv::cvtColor(pixels, pixels, cv::COLOR_RGB2BGR);
    return pixels;
}

// Decodes at 1/8 scale with and without the filters, and compares; true if a filter was used. The results
// differ if libjpeg fails on a scan that the filter drops: then the pixels are those that libjpeg makes of
// the other scans.
bool compare(const Buffer &jpeg) {
    ImageHeader header;
    try {
        header = read_header(bytes_of(jpeg));
    } catch (const Error &) {
        return false;
    }
    if (!header.damage.empty() || !header.unsupported.empty() || header.pixels() > kAmple.max_pixels)
        return false;
    Decoded ours = decoded(jpeg, header, 8, true), theirs = decoded(jpeg, header, 8, false);
    if (ours.filtered && is_progressive(jpeg)) {
        EXPECT_TRUE(theirs.error.kind == ErrorKind::none || theirs.error.kind == ErrorKind::bad_image);
        if (theirs.error.kind == ErrorKind::bad_image) {
            if (ours.pixels.empty()) return true;
            cv::Mat tolerant = tolerantly_decoded(jpeg, ours.pixels.cols, ours.pixels.rows);
            EXPECT_TRUE(tolerant.empty() || same_pixels(ours.pixels, tolerant));
            return true;
        }
    }
    EXPECT_EQ(ours.error.kind, theirs.error.kind);
    EXPECT_EQ(ours.error.message, theirs.error.message);
    EXPECT_TRUE(same_pixels(ours.pixels, theirs.pixels));
    return ours.filtered;
}

const Form kForms[] = {{1, 1, JCS_YCbCr, 90, 0, false, false, "4:4:4"},
                       {2, 1, JCS_YCbCr, 90, 0, false, false, "4:2:2"},
                       {2, 2, JCS_YCbCr, 90, 0, false, false, "4:2:0"},
                       {1, 2, JCS_YCbCr, 90, 0, false, false, "4:4:0"},
                       {4, 1, JCS_YCbCr, 90, 0, false, false, "4:1:1"},
                       {4, 2, JCS_YCbCr, 90, 0, false, false, "4:1:0"},
                       {1, 1, JCS_GRAYSCALE, 90, 0, false, false, "gray"},
                       {2, 2, JCS_GRAYSCALE, 90, 0, false, false, "gray, sampling factors of 2"},
                       {1, 1, JCS_RGB, 90, 0, false, false, "RGB"},
                       {1, 1, JCS_CMYK, 90, 0, false, false, "CMYK"},
                       {2, 2, JCS_YCCK, 90, 0, false, false, "YCCK"}};

// As in decode_jpeg.cpp: colors are known of libjpeg-turbo only.
#ifdef LIBJPEG_TURBO_VERSION
constexpr bool kTurbo = true;
#else
constexpr bool kTurbo = false;
#endif

bool is_filtered_everywhere(const Form &form) {
    if (!kTurbo && !form.progressive) return form.space == JCS_GRAYSCALE;
    return form.space == JCS_GRAYSCALE || (form.space == JCS_YCbCr && form.h_samp == form.v_samp);
}

TEST(JpegFilter, PixelsAreThoseOfLibjpeg) {
    constexpr int kSizes[][2] = {{1, 1}, {7, 9}, {8, 8}, {17, 33}, {64, 48}, {100, 16}, {403, 301}};
    for (Form form : kForms)
        for (int restart : {0, 1, 7})
            for (int quality : {30, 90, 100})
                for (bool optimized : {false, true})
                    for (bool progressive : {false, true})
                        for (const auto &[width, height] : kSizes) {
                            form.restart = restart;
                            form.quality = quality;
                            form.optimized = optimized;
                            form.progressive = progressive;
                            SCOPED_TRACE(std::string(form.name) + " " + std::to_string(width) + "x" +
                                         std::to_string(height) + (progressive ? " progressive" : "") +
                                         " restart " + std::to_string(restart) + " quality " +
                                         std::to_string(quality));
                            bool filtered = compare(jpeg_of(width, height, form));
                            EXPECT_TRUE(filtered || !is_filtered_everywhere(form));
                            EXPECT_FALSE(filtered && form.space == JCS_CMYK && !progressive);
                        }
}

TEST(JpegFilter, LargePhotosAreFilteredByDefault) {
    Buffer jpeg = jpeg_of(1024, 768, {});
    ImageHeader header = read_header(bytes_of(jpeg));
    for (int factor : {1, 2, 4, 8}) {
        JpegFiltering filtering{JpegFiltering::where_it_pays, false};
        decode_jpeg(bytes_of(jpeg), header, factor, nullptr, &filtering);
        EXPECT_EQ(filtering.used, factor == 8 && kTurbo);
    }
}

// Files are cut anywhere, and an EOI marker is added.
TEST(JpegFilter, TruncatedFilesFailAsBefore) {
    for (Form form : kForms)
        for (int restart : {0, 3})
            for (bool progressive : {false, true}) {
                form.restart = restart;
                form.progressive = progressive;
                SCOPED_TRACE(std::string(form.name) + (progressive ? " progressive" : ""));
                Buffer whole = jpeg_of(90, 70, form);
                for (size_t size = 20; size < whole.size(); size += 13) {
                    Buffer cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
                    cut.insert(cut.end(), {0xff, 0xd9});
                    compare(cut);
                }
            }
}

TEST(JpegFilter, DamagedFilesDecodeAsBefore) {
    std::minstd_rand random(5);
    int filtered = 0;
    for (Form form : kForms)
        for (bool progressive : {false, true})
            for (int restart : {0, 5}) {
                form.progressive = progressive;
                form.restart = restart;
                SCOPED_TRACE(std::string(form.name) + (progressive ? " progressive" : ""));
                Buffer whole = jpeg_of(90, 70, form);
                for (int i = 0; i < 400; i++) {
                    Buffer damaged = whole;
                    for (int flips = 1 + i % 3; flips > 0; flips--) {
                        size_t at = 2 + random() % (damaged.size() - 2);
                        damaged[at] =
                            static_cast<uint8_t>(random() % 8 ? damaged[at] ^ 1 << random() % 8 : 0xff);
                    }
                    filtered += compare(damaged);
                }
            }
    EXPECT_GT(filtered, kTurbo ? 1000 : 300);
}

// A scan that is dropped may be damaged; a scan that is needed may not.
TEST(JpegFilter, OnlyNeededScansOfAProgressiveImageMatter) {
    Form form;
    form.h_samp = form.v_samp = 1;
    form.progressive = true;
    Buffer whole = jpeg_of(90, 70, form);
    cv::Mat sound = decoded(whole, read_header(bytes_of(whole)), 8, false).pixels;
    std::vector<size_t> scans;
    for (size_t i = 0; i + 1 < whole.size(); i++)
        if (whole[i] == 0xff && whole[i + 1] == 0xda) scans.push_back(i + 2 + whole[i + 3]);
    ASSERT_GE(scans.size(), 4u);
    for (size_t scan : {size_t{0}, size_t{1}, size_t{3}}) {
        Buffer empty = whole;
        size_t begin = scans[scan], end = begin;
        while (empty[end] != 0xff || empty[end + 1] == 0) end++;
        empty.erase(empty.begin() + static_cast<std::ptrdiff_t>(begin),
                    empty.begin() + static_cast<std::ptrdiff_t>(end));
        Decoded ours = decoded(empty, read_header(bytes_of(empty)), 8, true),
                theirs = decoded(empty, read_header(bytes_of(empty)), 8, false);
        EXPECT_EQ(theirs.error.kind, ErrorKind::bad_image);
        EXPECT_EQ(ours.error.kind, scan == 0 ? ErrorKind::bad_image : ErrorKind::none);
        EXPECT_TRUE(scan == 0 || same_pixels(ours.pixels, sound));
    }
}

// libjpeg smooths an image whose last scans are missing.
TEST(JpegFilter, UnfinishedProgressiveImagesAreLeftToLibjpeg) {
    Form form;
    form.progressive = true;
    Buffer whole = jpeg_of(200, 150, form);
    std::vector<size_t> scans;
    for (size_t i = 0; i + 1 < whole.size(); i++)
        if (whole[i] == 0xff && (whole[i + 1] == 0xda || whole[i + 1] == 0xc4)) scans.push_back(i);
    for (size_t end : scans) {
        Buffer cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(end));
        cut.insert(cut.end(), {0xff, 0xd9});
        EXPECT_FALSE(compare(cut));
    }
}

int asked, stop_at;

TEST(JpegFilter, StopsWhenAskedTo) {
    for (bool progressive : {false, true}) {
        Form form;
        form.progressive = progressive;
        Buffer jpeg = jpeg_of(1000, 1000, form);
        ImageHeader header = read_header(bytes_of(jpeg));
        auto stops = [] { return ++asked == stop_at; };
        asked = stop_at = 0;
        JpegFiltering filtering{JpegFiltering::always, false};
        decode_jpeg(bytes_of(jpeg), header, 8, stops, &filtering);
        EXPECT_TRUE(filtering.used || !kTurbo);
        int most = asked;
        EXPECT_GT(most, progressive ? 20 : 60);
        for (int at = 1; at <= most; at += 7) {
            asked = 0;
            stop_at = at;
            try {
                decode_jpeg(bytes_of(jpeg), header, 8, stops, &filtering);
                ADD_FAILURE();
            } catch (const Error &error) {
                EXPECT_EQ(error.kind, ErrorKind::cancelled);
            }
            EXPECT_EQ(asked, at);
        }
    }
}

Buffer file(const std::filesystem::path &path) {
    std::ifstream in(path, std::ios::binary);
    return Buffer(std::istreambuf_iterator<char>(in), {});
}

TEST(JpegFilter, CollectionsDecodeAsBefore) {
    const char *shared = getenv("IMAGEHASH_SHARED");
    std::filesystem::path data = (shared ? std::string(shared) : SOURCE_DIR "/../shared") + "/data";
    int files = 0, filtered = 0;
    for (const char *name : {"photos", "hostile", "exif"}) {
        if (!std::filesystem::exists(data / name)) GTEST_SKIP() << data / name << " is not there";
        for (const auto &entry : std::filesystem::recursive_directory_iterator(data / name)) {
            if (!entry.is_regular_file()) continue;
            Buffer image = file(entry.path());
            if (image.size() < 2 || image[0] != 0xff || image[1] != 0xd8) continue;
            SCOPED_TRACE(entry.path());
            filtered += compare(image);
            files++;
        }
    }
    printf("%d JPEG files, of which %d were filtered\n", files, filtered);
    EXPECT_GT(files, 1000);
    EXPECT_GT(filtered, kTurbo ? files / 2 : 0);
}

}  // namespace
}  // namespace imagehash::vision
