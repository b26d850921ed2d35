// Draws all random numbers itself. Must not use the distributions of the standard library: they give other
// numbers in another implementation, and a hasher would not be reproducible.
#include "vision/input/augment.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "vision/input/preprocess.h"

namespace imagehash::vision {

namespace {

double uniform(ViewRandom &random, double low, double high) {
    return low + (high - low) * static_cast<double>(random() >> 11) * 0x1p-53;
}

bool one_in(ViewRandom &random, double n) {
    return uniform(random, 0, 1) < 1 / n;
}

cv::Mat random_crop(const cv::Mat &image, ViewRandom &random) {
    double area = uniform(random, 0.4, 1);
    double shape = std::exp(uniform(random, std::log(3.0 / 4), std::log(4.0 / 3)));
    auto side = [](int whole, double share) {
        return std::clamp(static_cast<int>(std::lround(whole * share)), 1, whole);
    };
    int width = side(image.cols, std::sqrt(area * shape)), height = side(image.rows, std::sqrt(area / shape));
    int x = static_cast<int>(uniform(random, 0, image.cols - width + 1)),
        y = static_cast<int>(uniform(random, 0, image.rows - height + 1));
    return image(cv::Rect(x, y, width, height));
}

// Contrast scales the difference from the picture's mean gray, saturation that from each pixel's gray,
// brightness all.
cv::Mat change_colors(const cv::Mat &image, ViewRandom &random) {
    double brightness = uniform(random, 0.6, 1.4), contrast = uniform(random, 0.6, 1.4),
           saturation = uniform(random, 0.6, 1.4);
    if (one_in(random, 5)) saturation = 0;
    cv::Mat gray, gray_bgr, mixed, result;
    cv::cvtColor(image, gray, cv::COLOR_BGR2GRAY);
    cv::cvtColor(gray, gray_bgr, cv::COLOR_GRAY2BGR);
    cv::addWeighted(image, saturation, gray_bgr, 1 - saturation, 0, mixed);
    mixed.convertTo(result, CV_8U, brightness * contrast, brightness * (1 - contrast) * cv::mean(gray)[0]);
    return result;
}

cv::Mat compress_as_jpeg(const cv::Mat &image, int quality) {
    std::vector<uint8_t> bytes;
    cv::imencode(".jpg", image, bytes, {cv::IMWRITE_JPEG_QUALITY, quality});
    return cv::imdecode(bytes, cv::IMREAD_COLOR);
}

}  // namespace

ViewRandom view_random(uint64_t seed, Bytes image) {
    uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
    for (size_t i = 0; i < image.size; i++) hash = (hash ^ image.data[i]) * 0x100000001b3;
    return ViewRandom(hash ^ seed * 0x9e3779b97f4a7c15);
}

cv::Mat augmented_view(const cv::Mat &bgr, const Preprocessing &preprocessing, ViewRandom &random) {
    cv::Mat view = input_view(random_crop(bgr, random), preprocessing);
    if (one_in(random, 2)) {
        cv::Mat mirrored;
        cv::flip(view, mirrored, 1);
        view = mirrored;
    }
    view = change_colors(view, random);
    int quality = static_cast<int>(uniform(random, 30, 96));
    return one_in(random, 2) ? compress_as_jpeg(view, quality) : view;
}

}  // namespace imagehash::vision
