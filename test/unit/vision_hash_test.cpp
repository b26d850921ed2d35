// The network's input, and guarded().
#include <gtest/gtest.h>

#include <new>
#include <string>
#include <vector>

#include <opencv2/imgproc.hpp>

#include "vision/guarded.h"
#include "vision/input/preprocess.h"

namespace imagehash::vision {
namespace {

TEST(Preprocess, CutsTheCenter) {
    cv::Mat image(256, 512, CV_8UC3, cv::Scalar(0, 0, 255));
    image(cv::Rect(144, 16, 224, 224)).setTo(cv::Scalar(255, 0, 0));
    cv::Mat view = input_view(image, kShippedPreprocessing);
    EXPECT_EQ(cv::countNonZero(view.reshape(1).col(0)), 224) << "blue up to the edge";
    EXPECT_EQ(cv::sum(view)[2], 0) << "no red";
}

TEST(Preprocess, ExtremeShapes) {
    for (cv::Size size :
         {cv::Size(1, 1), cv::Size(1, 10000), cv::Size(10000, 1), cv::Size(3, 2000), cv::Size(5000, 700)}) {
        cv::Mat view = input_view(cv::Mat(size, CV_8UC3, cv::Scalar(10, 20, 30)), kShippedPreprocessing);
        EXPECT_EQ(view.size(), cv::Size(kShippedPreprocessing.side, kShippedPreprocessing.side)) << size;
        EXPECT_EQ(view.at<cv::Vec3b>(223, 223), cv::Vec3b(10, 20, 30)) << size;
    }
}

TEST(Preprocess, WritesRgb) {
    std::vector<float> input(input_floats(kShippedPreprocessing));
    const int side = kShippedPreprocessing.side;
    write_input(cv::Mat(side, side, CV_8UC3, cv::Scalar(0, 127, 255)), kShippedPreprocessing, input.data());
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
