// The table of functions: what goes in and out, and that failures are a Status.
#include <gtest/gtest.h>

#include <cmath>

#include "test_images.h"
#include "vision/api.h"
#include "vision/input/preprocess.h"

namespace imagehash::vision {
namespace {

const Api &api() {
    return *imagehash_vision_api();
}

TEST(Api, HasItsVersion) {
    EXPECT_EQ(api().version, kApiVersion);
}

TEST(Api, ReadsAndHashes) {
    Buffer image = encode(".jpg", gradient(900, 600));
    ImageInfo info;
    ASSERT_TRUE(api().image_info(bytes_of(image), &info).ok());
    EXPECT_STREQ(info.format, "jpeg");
    EXPECT_EQ(info.width, 900);
    uint8_t code[kMaxPerceptualBytes];
    EXPECT_TRUE(api().perceptual_hash(bytes_of(image), PerceptualHash::average, 8, kAmple, code).ok());
    EXPECT_EQ(api().perceptual_hash(bytes_of(image), PerceptualHash::average, 9, kAmple, code).kind,
              ErrorKind::bad_argument);
}

TEST(Api, WritesInputs) {
    Buffer image = encode(".png", gradient(300, 400));
    std::vector<float> input(input_floats(kShippedPreprocessing), NAN), expected(input.size());
    ASSERT_TRUE(api().write_input(bytes_of(image), kAmple, kShippedPreprocessing, input.data()).ok());
    write_input(input_view(gradient(300, 400), kShippedPreprocessing), kShippedPreprocessing,
                expected.data());
    EXPECT_EQ(input, expected);
    Status status = api().write_input({image.data(), 100}, kAmple, kShippedPreprocessing, input.data());
    EXPECT_EQ(status.kind, ErrorKind::bad_image);
    status =
        api().write_input(bytes_of(image), {1000, 1 << 30, nullptr}, kShippedPreprocessing, input.data());
    EXPECT_EQ(status.kind, ErrorKind::too_large);
}

TEST(Api, WritesViews) {
    Buffer image = encode(".jpg", gradient(600, 500));
    std::vector<float> first(input_floats(kShippedPreprocessing)), second(first.size()), again(first.size());
    Views *views, *same;
    ASSERT_TRUE(api().open_views(bytes_of(image), kAmple, kShippedPreprocessing, 5, &views).ok());
    ASSERT_TRUE(api().open_views(bytes_of(image), kAmple, kShippedPreprocessing, 5, &same).ok());
    ASSERT_TRUE(api().next_view(views, first.data()).ok());
    ASSERT_TRUE(api().next_view(views, second.data()).ok());
    EXPECT_NE(first, second);
    ASSERT_TRUE(api().next_view(same, again.data()).ok());
    EXPECT_EQ(first, again);
    api().close_views(views);
    api().close_views(same);
    image.resize(image.size() / 2);
    Status status = api().open_views(bytes_of(image), kAmple, kShippedPreprocessing, 5, &views);
    EXPECT_EQ(status.kind, ErrorKind::bad_image);
    EXPECT_EQ(views, nullptr);
}

}  // namespace
}  // namespace imagehash::vision
