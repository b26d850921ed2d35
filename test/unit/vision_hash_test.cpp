// Perceptual hashes, the network's input, and guarded().
#include <gtest/gtest.h>

#include <bitset>
#include <fstream>
#include <new>
#include <sstream>

#include <c10/util/Exception.h>
#include <opencv2/imgproc.hpp>

#include "vision/decode.h"
#include "vision/guarded.h"
#include "vision/perceptual.h"
#include "vision/preprocess.h"
#include "vision_test_images.h"

namespace imagehash::vision {
namespace {

// 8x8 squares: white where the bit is set.
cv::Mat squares(uint64_t code, int side) {
    cv::Mat image(8 * side, 8 * side, CV_8UC3, cv::Scalar(0, 0, 0));
    for (int i = 0; i < 64; i++)
        if (code >> (63 - i) & 1)
            cv::rectangle(image, cv::Rect(i % 8 * side, i / 8 * side, side, side), cv::Scalar(255, 255, 255),
                          cv::FILLED);
    return image;
}

TEST(Perceptual, AverageHashReadsRowByRow) {
    for (uint64_t code : {0x8000000000000000ull, 0x0123456789abcdefull, 0xff00ff00aa55c33cull})
        EXPECT_EQ(average_hash(squares(code, 16)), code);
}

TEST(Perceptual, DifferenceHashIsSetWhereItGetsBrighter) {
    cv::Mat rising(80, 90, CV_8UC3);
    for (int x = 0; x < 90; x++) rising.col(x).setTo(cv::Scalar::all(x / 10 * 20));
    EXPECT_EQ(difference_hash(rising), ~0ull);
    cv::Mat falling;
    cv::flip(rising, falling, 1);
    EXPECT_EQ(difference_hash(falling), 0u);
}

TEST(Perceptual, PerceptualHashOfOneWave) {
    // cos((2x + 1) * 3 * pi / 64): only frequency (0, 3) and the mean are there, so both lie above the median
    // of zeros.
    cv::Mat wave(32, 32, CV_8UC3);
    for (int x = 0; x < 32; x++)
        wave.col(x).setTo(cv::Scalar::all(std::lround(128 + 100 * std::cos((2 * x + 1) * 3 * CV_PI / 64))));
    uint64_t code = perceptual_hash(wave);
    EXPECT_TRUE(code >> 63 & 1);
    EXPECT_TRUE(code >> 60 & 1);
}

TEST(Perceptual, SurvivesReencodingAndResizing) {
    cv::Mat picture = gradient(400, 300), smaller;
    cv::circle(picture, cv::Point(120, 90), 60, cv::Scalar(20, 200, 90), cv::FILLED);
    cv::rectangle(picture, cv::Rect(250, 160, 90, 110), cv::Scalar(230, 30, 60), cv::FILLED);
    cv::resize(picture, smaller, cv::Size(200, 150), 0, 0, cv::INTER_AREA);
    Buffer jpeg = encode(".jpg", smaller, {cv::IMWRITE_JPEG_QUALITY, 70});
    cv::Mat copy = decode(bytes_of(jpeg), kAmple);
    for (auto hash :
         {average_hash, difference_hash, static_cast<uint64_t (*)(const cv::Mat &)>(perceptual_hash)})
        EXPECT_LE(std::bitset<64>(hash(picture) ^ hash(copy)).count(), 4u);
}

// Pillow resamples otherwise than OpenCV, so not every bit agrees yet.
TEST(Perceptual, NearPythonImageHash) {
    std::string folder = SOURCE_DIR "/../shared/data/perceptual/";
    std::ifstream vectors(folder + "vectors.tsv");
    if (!vectors) GTEST_SKIP() << folder << "vectors.tsv is not there";
    std::string line;
    std::getline(vectors, line);
    while (std::getline(vectors, line)) {
        std::istringstream fields(line);
        std::string file, method, hash;
        fields >> file >> method >> hash;
        std::ifstream stream(folder + file, std::ios::binary);
        Buffer image((std::istreambuf_iterator<char>(stream)), {});
        if (image.empty() || hash.size() != 16) continue;
        // Those hashes are of the pixels as stored: undo the turn.
        int orientation = read_header(bytes_of(image)).orientation;
        int inverse = orientation == 6 ? 8 : orientation == 8 ? 6 : orientation;
        cv::Mat pixels = apply_orientation(decode(bytes_of(image), kAmple), inverse);
        uint64_t ours = method == "average_hash"      ? average_hash(pixels)
                        : method == "difference_hash" ? difference_hash(pixels)
                        : method == "perceptual_hash" ? perceptual_hash(pixels)
                                                      : 0;
        if (ours == 0) continue;
        size_t distance = std::bitset<64>(ours ^ std::stoull(hash, nullptr, 16)).count();
        RecordProperty(file + " " + method, static_cast<int>(distance));
        EXPECT_LE(distance, 8u) << file << " " << method;
    }
}

TEST(Preprocess, CutsTheCentre) {
    cv::Mat image(256, 512, CV_8UC3, cv::Scalar(0, 0, 255));
    image(cv::Rect(144, 16, 224, 224)).setTo(cv::Scalar(255, 0, 0));
    cv::Mat view = input_view(image, kShippedRecipe);
    EXPECT_EQ(cv::countNonZero(view.reshape(1).col(0)), 224) << "blue up to the edge";
    EXPECT_EQ(cv::sum(view)[2], 0) << "no red";
}

TEST(Preprocess, ExtremeShapes) {
    for (cv::Size size :
         {cv::Size(1, 1), cv::Size(1, 10000), cv::Size(10000, 1), cv::Size(3, 2000), cv::Size(5000, 700)}) {
        cv::Mat view = input_view(cv::Mat(size, CV_8UC3, cv::Scalar(10, 20, 30)), kShippedRecipe);
        EXPECT_EQ(view.size(), cv::Size(kShippedRecipe.side, kShippedRecipe.side)) << size;
        EXPECT_EQ(view.at<cv::Vec3b>(223, 223), cv::Vec3b(10, 20, 30)) << size;
    }
}

TEST(Preprocess, WritesRgb) {
    std::vector<float> input(input_floats(kShippedRecipe));
    write_input(cv::Mat(kShippedRecipe.side, kShippedRecipe.side, CV_8UC3, cv::Scalar(0, 127, 255)),
                kShippedRecipe, input.data());
    EXPECT_FLOAT_EQ(input[0], 1.0f);
    EXPECT_FLOAT_EQ(input[1], 0.0f);
    EXPECT_FLOAT_EQ(input[2], -127.0f / 128);
    EXPECT_FLOAT_EQ(input.back(), -127.0f / 128);
}

TEST(Guarded, CatchesEverything) {
    EXPECT_TRUE(guarded([] {}).ok());
    Status status = guarded([] { throw Error(ErrorKind::too_large, "too large", "Make it smaller"); });
    EXPECT_EQ(status.kind, ErrorKind::too_large);
    EXPECT_STREQ(status.message, "too large");
    EXPECT_STREQ(status.hint, "Make it smaller.");
    EXPECT_EQ(guarded([] { throw std::bad_alloc(); }).kind, ErrorKind::out_of_memory);
    EXPECT_EQ(guarded([] { CV_Error(cv::Error::StsNoMem, "no"); }).kind, ErrorKind::out_of_memory);
    EXPECT_STREQ(guarded([] { CV_Error(cv::Error::StsError, "from OpenCV"); }).message, "from OpenCV");
    EXPECT_STREQ(guarded([] { TORCH_CHECK(false, "from LibTorch"); }).message, "from LibTorch");
    EXPECT_STREQ(guarded([] { throw std::runtime_error("ordinary"); }).message, "ordinary");
    EXPECT_EQ(guarded([] { throw 42; }).kind, ErrorKind::internal);
}

TEST(Guarded, MessagesAreOneCleanLine) {
    Status status = guarded([] { throw std::runtime_error("first\n\tsecond \x01 th\xc3\xa4rd.\n"); });
    EXPECT_STREQ(status.message, "first second th??rd");
    status = guarded([] { throw std::runtime_error(std::string(10000, 'x')); });
    EXPECT_EQ(strlen(status.message), sizeof(status.message) - 1);
}

}  // namespace
}  // namespace imagehash::vision
