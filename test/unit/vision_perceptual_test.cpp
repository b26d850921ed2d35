// Perceptual hashes against those that Python's ImageHash and pdqhash give for the same pixels.
#include <gtest/gtest.h>

#include <algorithm>
#include <bitset>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

#include <opencv2/imgproc.hpp>

#include "vision/codec/decode.h"
#include "vision/codec/image_header.h"
#include "vision/perceptual/pdq.h"
#include "vision/perceptual/perceptual.h"
#include "vision/perceptual/segments.h"
#include "test_images.h"

namespace imagehash::vision {
namespace {

using SquareHash = void (*)(const cv::Mat &, int, uint8_t *);

const std::map<std::string, SquareHash> kSquareHashes = {
    {"average", average_hash},
    {"difference", difference_hash},
    {"vertical-difference", vertical_difference_hash},
    {"perceptual", static_cast<SquareHash>(perceptual_hash)},
    {"wavelet", wavelet_hash},
};

std::string hex(const uint8_t *bytes, int count) {
    std::string text;
    for (int i = 0; i < count; i++) {
        text += "0123456789abcdef"[bytes[i] >> 4];
        text += "0123456789abcdef"[bytes[i] & 15];
    }
    return text;
}

int distance(const std::string &a, const std::string &b) {
    if (a.size() != b.size()) return 1 << 20;
    int bits = 0;
    for (size_t i = 0; i < a.size(); i++)
        bits += static_cast<int>(
            std::bitset<4>(std::stoi(a.substr(i, 1), nullptr, 16) ^ std::stoi(b.substr(i, 1), nullptr, 16))
                .count());
    return bits;
}

// The text of a hash as perceptual_vectors.tsv has it.
std::string text_of(const cv::Mat &pixels, const std::string &method, int size) {
    uint8_t code[kMaxPerceptualBytes], pdq[kDihedralVariants][kPdqBytes];
    auto square = kSquareHashes.find(method);
    if (square != kSquareHashes.end()) {
        square->second(pixels, size, code);
        return hex(code, size * size / 8);
    }
    if (method == "color") {
        color_hash(pixels, code);
        return hex(code, kColorHashBytes);
    }
    if (method == "pdq") {
        int quality = pdq_hash(pixels, kDihedralVariants, pdq);
        return std::to_string(quality) + ":" + hex(pdq[size], kPdqBytes);
    }
    std::string all;
    for (const cv::Rect &segment : find_segments(pixels)) {
        difference_hash(pixels(segment), 8, code);
        all += (all.empty() ? "" : ",") + hex(code, 8);
    }
    return all;
}

uint32_t noise(int x, int y, int c) {
    uint32_t n = static_cast<uint32_t>(x) * 374761393u + static_cast<uint32_t>(y) * 668265263u +
                 static_cast<uint32_t>(c) * 2246822519u;
    n = (n ^ n >> 13) * 1274126177u;
    return (n ^ n >> 16) & 255;
}

// As in perceptual_vectors.py; channel 0 is red.
int value(const std::string &kind, cv::Size size, int x, int y, int c) {
    int width = size.width, height = size.height;
    if (kind == "noise") return noise(x, y, c);
    if (kind == "flat") return 77 + 50 * c;
    if (kind == "ramp") return (x * (3 - c) + y * (1 + c)) * 255 / (width * (3 - c) + height * (1 + c));
    if (kind == "checks") return (x / 3 + y / 3) % 2 * 255;
    if (kind == "halves") return (c == 0 ? x * 2 < width : y * 2 < height) ? 200 : 30 * c;
    if (kind == "mirrored")
        return (std::min(x, width - 1 - x) * 7 + std::min(y, height - 1 - y) * (5 + c)) % 256;
    if (kind == "blocks") return noise(x / 16, y / 16, c);
    return x == width / 3 && y == height / 3 ? 255 : 0;
}

cv::Mat picture(const std::string &kind, cv::Size size) {
    cv::Mat image(size, CV_8UC3);
    for (int y = 0; y < size.height; y++)
        for (int x = 0; x < size.width; x++)
            for (int c = 0; c < 3; c++)
                image.at<cv::Vec3b>(y, x)[2 - c] = static_cast<uint8_t>(value(kind, size, x, y, c));
    return image;
}

TEST(Perceptual, BitForBitAsInPython) {
    std::ifstream vectors(SOURCE_DIR "/test/unit/perceptual_vectors.tsv");
    std::string line;
    std::getline(vectors, line);
    int compared = 0;
    while (std::getline(vectors, line)) {
        std::istringstream fields(line);
        std::string kind, method, expected;
        int width, height, size;
        fields >> kind >> width >> height >> method >> size >> expected;
        // Through a file, to see that decoding keeps the pixels.
        cv::Mat pixels = decode(bytes_of(encode(".png", picture(kind, {width, height}))), kAmple);
        EXPECT_EQ(text_of(pixels, method, size), expected) << line.substr(0, line.rfind('\t'));
        compared++;
    }
    EXPECT_GT(compared, 1000);
}

TEST(Perceptual, SurvivesReencodingAndResizing) {
    cv::Mat original = gradient(400, 300), smaller;
    cv::circle(original, cv::Point(120, 90), 60, cv::Scalar(20, 200, 90), cv::FILLED);
    cv::rectangle(original, cv::Rect(250, 160, 90, 110), cv::Scalar(230, 30, 60), cv::FILLED);
    cv::resize(original, smaller, cv::Size(200, 150), 0, 0, cv::INTER_AREA);
    cv::Mat copy = decode(bytes_of(encode(".jpg", smaller, {cv::IMWRITE_JPEG_QUALITY, 70})), kAmple);
    for (const auto &[method, function] : kSquareHashes)
        EXPECT_LE(distance(text_of(original, method, 8), text_of(copy, method, 8)), 6) << method;
    EXPECT_LE(distance(text_of(original, "pdq", 0).substr(4), text_of(copy, "pdq", 0).substr(4)), 31);
}

// The part of a picture that is left after a crop keeps its segments.
TEST(Perceptual, SegmentsSurviveACrop) {
    cv::Mat original(600, 900, CV_8UC3, cv::Scalar::all(40));
    for (int i = 0; i < 3; i++) {
        cv::Mat tile = original(cv::Rect(60 + 280 * i, 150, 220, 300));
        for (int x = 0; x < tile.cols; x++) tile.col(x).setTo(cv::Scalar::all(150 + (x * (i + 1)) % 100));
    }
    std::string cropped = text_of(original(cv::Rect(0, 0, 620, 600)), "crop-resistant", 0);
    std::istringstream segments(text_of(original, "crop-resistant", 0));
    int shared = 0;
    for (std::string segment; std::getline(segments, segment, ',');)
        for (size_t at = 0; at < cropped.size(); at += 17)
            if (distance(segment, cropped.substr(at, 16)) <= 16) {
                shared++;
                break;
            }
    EXPECT_GE(shared, 2);
}

TEST(Perceptual, HashesEveryShape) {
    for (cv::Size size : {cv::Size(1, 1), cv::Size(1, 20000), cv::Size(20000, 1), cv::Size(3, 4000)})
        for (const char *method : {"average", "difference", "vertical-difference", "perceptual", "wavelet",
                                   "color", "crop-resistant", "pdq"})
            EXPECT_FALSE(
                text_of(picture("noise", size), method, method[0] == 'p' && method[1] == 'd' ? 0 : 8).empty())
                << method << size;
    EXPECT_EQ(text_of(picture("noise", {4, 100}), "pdq", 7), "0:" + std::string(64, '0'))
        << "too small for PDQ";
}

// What comes with the issues, beside the product; $IMAGEHASH_SHARED where it lies elsewhere.
std::string shared_data() {
    const char *shared = getenv("IMAGEHASH_SHARED");
    return (shared ? std::string(shared) : SOURCE_DIR "/../shared") + "/data/";
}

// Hashes of JPEG files that others published: their decoder, and in imagededup their order of steps, differ.
TEST(Perceptual, NearPublishedHashes) {
    std::string folder = shared_data() + "perceptual/";
    std::ifstream vectors(folder + "vectors.tsv");
    if (!vectors) GTEST_SKIP() << folder << "vectors.tsv is not there";
    std::string line;
    std::getline(vectors, line);
    while (std::getline(vectors, line)) {
        std::istringstream fields(line);
        std::string file, method, expected;
        fields >> file >> method >> expected;
        bool imagededup = line.find("imagededup") != std::string::npos;
        std::ifstream stream(folder + file, std::ios::binary);
        Buffer image((std::istreambuf_iterator<char>(stream)), {});
        if (image.empty()) continue;
        // Those hashes are of the pixels as stored: undo the turn.
        int orientation = read_header(bytes_of(image)).orientation;
        int inverse = orientation == 6 ? 8 : orientation == 8 ? 6 : orientation;
        cv::Mat pixels = apply_orientation(decode(bytes_of(image), kAmple), inverse);
        int bits = distance(text_of(pixels, method.substr(0, method.find('_')), 8), expected);
        RecordProperty(file + " " + method, bits);
        EXPECT_LE(bits, imagededup ? 1 : 0) << line;
    }
}

TEST(Pdq, WithinTheTolerance) {
    std::string folder = shared_data();
    std::ifstream vectors(folder + "pdq/expected.tsv");
    if (!vectors) GTEST_SKIP() << folder << "pdq/expected.tsv is not there";
    std::string line;
    std::getline(vectors, line);
    std::vector<std::string> turned;
    cv::Mat upright;
    while (std::getline(vectors, line)) {
        std::istringstream fields(line);
        std::string file, expected;
        fields >> file >> expected;
        file.replace(0, strlen("pdq/data/"), "pdq/");
        std::ifstream stream(folder + file, std::ios::binary);
        Buffer image((std::istreambuf_iterator<char>(stream)), {});
        if (image.empty()) continue;
        cv::Mat pixels = decode(bytes_of(image), kAmple);
        std::string text = text_of(pixels, "pdq", 0);
        EXPECT_LE(distance(text.substr(text.find(':') + 1), expected), 16) << line;
        if (file.find("/dih/") == std::string::npos) continue;
        if (turned.empty()) upright = pixels;
        turned.push_back(expected);
    }
    ASSERT_EQ(turned.size(), static_cast<size_t>(kDihedralVariants));
    for (int i = 0; i < kDihedralVariants; i++) {
        std::string text = text_of(upright, "pdq", i);
        EXPECT_LE(distance(text.substr(text.find(':') + 1), turned[i]), 16) << "variant " << i;
    }
}

}  // namespace
}  // namespace imagehash::vision
