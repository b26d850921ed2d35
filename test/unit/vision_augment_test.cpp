// Augmented views: others each time, the same again for the same seed and bytes.
#include <gtest/gtest.h>

#include "test_images.h"
#include "vision/input/augment.h"

namespace imagehash::vision {
namespace {

TEST(Augment, ViewsDifferAndRepeat) {
    Buffer jpeg = encode(".jpg", gradient(300, 200));
    cv::Mat image = decode(bytes_of(jpeg), kAmple);
    ViewRandom random = view_random(1, bytes_of(jpeg)), again = view_random(1, bytes_of(jpeg)),
               other = view_random(2, bytes_of(jpeg));
    cv::Mat previous;
    for (int i = 0; i < 20; i++) {
        cv::Mat view = augmented_view(image, kShippedPreprocessing, random);
        ASSERT_EQ(view.size(), cv::Size(224, 224));
        ASSERT_EQ(view.type(), CV_8UC3);
        EXPECT_EQ(cv::norm(view, augmented_view(image, kShippedPreprocessing, again), cv::NORM_INF), 0);
        EXPECT_GT(cv::norm(view, augmented_view(image, kShippedPreprocessing, other), cv::NORM_INF), 0);
        EXPECT_TRUE(previous.empty() || cv::norm(view, previous, cv::NORM_INF) > 0);
        previous = view;
    }
    // The smallest and the thinnest pictures have views too.
    for (cv::Size size : {cv::Size(1, 1), cv::Size(1, 500), cv::Size(500, 2)})
        for (int i = 0; i < 20; i++) {
            cv::Mat tiny(size, CV_8UC3, cv::Scalar(1, 2, 3));
            EXPECT_EQ(augmented_view(tiny, kShippedPreprocessing, random).rows, 224);
        }
}

}  // namespace
}  // namespace imagehash::vision
