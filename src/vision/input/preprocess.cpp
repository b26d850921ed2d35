// Resizes, crops, reorders channels and normalizes, with OpenCV. A change of a filter or a rounding here
// changes every embedding.
#include "vision/input/preprocess.h"

#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>

namespace imagehash::vision {

namespace {

cv::Rect center_of(cv::Size size, cv::Size part) {
    return cv::Rect((size.width - part.width) / 2, (size.height - part.height) / 2, part.width, part.height);
}

cv::Mat resized(const cv::Mat &image, cv::Size size) {
    cv::Mat result;
    bool shrinks = std::min(image.cols, image.rows) > std::min(size.width, size.height);
    cv::resize(image, result, size, 0, 0, shrinks ? cv::INTER_AREA : cv::INTER_CUBIC);
    return result;
}

}  // namespace

cv::Mat input_view(const cv::Mat &bgr, const Preprocessing &preprocessing) {
    const cv::Size input(preprocessing.side, preprocessing.side);
    if (preprocessing.short_side == 0) return resized(bgr, input);
    constexpr int kMaxAspectRatio = 4;
    int short_side = std::min(bgr.cols, bgr.rows);
    cv::Size kept(std::min<int64_t>(bgr.cols, int64_t{kMaxAspectRatio} * short_side),
                  std::min<int64_t>(bgr.rows, int64_t{kMaxAspectRatio} * short_side));
    cv::Mat middle = bgr(center_of(bgr.size(), kept));

    double scale = static_cast<double>(preprocessing.short_side) / short_side;
    cv::Size size(static_cast<int>(std::lround(middle.cols * scale)),
                  static_cast<int>(std::lround(middle.rows * scale)));
    cv::Mat whole = resized(middle, size);
    return whole(center_of(whole.size(), input));
}

void write_input(const cv::Mat &view, const Preprocessing &preprocessing, float *out) {
    CV_Assert(view.rows == preprocessing.side && view.cols == preprocessing.side && view.type() == CV_8UC3);
    cv::Mat ordered = view, input(view.size(), CV_32FC3, out);
    if (!preprocessing.bgr) cv::cvtColor(view, ordered, cv::COLOR_BGR2RGB);
    cv::Scalar mean, factor;
    for (int c = 0; c < 3; c++) {
        int rgb = preprocessing.bgr ? 2 - c : c;
        mean[c] = preprocessing.mean[rgb];
        factor[c] = 1.0 / preprocessing.scale[rgb];
    }
    ordered.convertTo(input, CV_32F);
    cv::subtract(input, mean, input);
    cv::multiply(input, factor, input);
}

}  // namespace imagehash::vision
