#include "copies.h"

#include <algorithm>
#include <iterator>
#include <random>
#include <string>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

namespace imagehash::tools {

namespace {

using Random = std::mt19937;

constexpr int kUsualQuality = 90;
constexpr const char *kCaptions[] = {"SUMMER SALE 2024", "ONLY TODAY: 20% OFF", "best holiday ever",
                                     "NEW IN STOCK", "look what I found"};

// 10 % of the width and of the height are cut off, somewhere around.
cv::Mat cropped(const cv::Mat &image, Random &random) {
    int width = image.cols * 9 / 10, height = image.rows * 9 / 10;
    int x = static_cast<int>(random() % (image.cols - width + 1)),
        y = static_cast<int>(random() % (image.rows - height + 1));
    return image(cv::Rect(x, y, width, height)).clone();
}

cv::Mat half_size(const cv::Mat &image, Random &) {
    cv::Mat result;
    cv::resize(image, result, {}, 0.5, 0.5, cv::INTER_AREA);
    return result;
}

cv::Mat mirrored(const cv::Mat &image, Random &) {
    cv::Mat result;
    cv::flip(image, result, 1);
    return result;
}

// By a quarter, with highlights cut off at white.
cv::Mat brightened(const cv::Mat &image, Random &) {
    cv::Mat result;
    image.convertTo(result, -1, 1.25, 0);
    return result;
}

// A line of text as wide as `share` of the image, its middle at the height `middle` (0: top, 1: bottom).
void write_line(cv::Mat &image, const std::string &text, double share, double middle, cv::Scalar color,
                cv::Scalar outline) {
    constexpr int kFont = cv::FONT_HERSHEY_DUPLEX;
    int baseline;
    double scale = share * image.cols / cv::getTextSize(text, kFont, 1, 1, &baseline).width;
    int stroke = std::max(1, static_cast<int>(scale * 1.5));
    cv::Size size = cv::getTextSize(text, kFont, scale, stroke, &baseline);
    cv::Point at((image.cols - size.width) / 2, static_cast<int>(middle * image.rows) + size.height / 2);
    cv::putText(image, text, at, kFont, scale, outline, 3 * stroke, cv::LINE_AA);
    cv::putText(image, text, at, kFont, scale, color, stroke, cv::LINE_AA);
}

// White letters with a black edge near the lower border.
cv::Mat captioned(const cv::Mat &image, Random &random) {
    cv::Mat result = image.clone();
    write_line(result, kCaptions[random() % std::size(kCaptions)], 0.8, 0.88, cv::Scalar::all(255),
               cv::Scalar::all(0));
    return result;
}

// Gray letters over the middle, three lines, half of the picture showing through.
cv::Mat watermarked(const cv::Mat &image, Random &) {
    cv::Mat over = image.clone(), result;
    for (double middle : {0.25, 0.5, 0.75})
        write_line(over, "(c) photo-archive", 0.9, middle, cv::Scalar::all(235), cv::Scalar::all(90));
    cv::addWeighted(over, 0.5, image, 0.5, 0, result);
    return result;
}

cv::Mat unchanged(const cv::Mat &image, Random &) {
    return image.clone();
}

struct CopyKind {
    const char *name;
    cv::Mat (*make)(const cv::Mat &image, Random &random);
    int quality;  // of the JPEG
};

constexpr CopyKind kKinds[] = {
    {"JPEG 30", unchanged, 30},
    {"half size", half_size, kUsualQuality},
    {"cropped 10 %", cropped, kUsualQuality},
    {"mirrored", mirrored, kUsualQuality},
    {"brightened", brightened, kUsualQuality},
    {"captioned", captioned, kUsualQuality},
    {"watermarked", watermarked, kUsualQuality},
};
static_assert(std::size(kKinds) == kCopyKinds);

}  // namespace

const char *copy_name(size_t kind) {
    return kKinds[kind].name;
}

std::vector<uint8_t> copy_of(const cv::Mat &image, size_t kind, size_t number) {
    Random random(static_cast<uint32_t>(number));
    std::vector<uint8_t> bytes;
    cv::imencode(".jpg", kKinds[kind].make(image, random), bytes,
                 {cv::IMWRITE_JPEG_QUALITY, kKinds[kind].quality});
    return bytes;
}

}  // namespace imagehash::tools
