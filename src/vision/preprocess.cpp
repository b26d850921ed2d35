// See preprocess.h.
#include "vision/preprocess.h"

#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>

namespace imagehash::vision {

static cv::Rect centre_of(cv::Size size, cv::Size part) {
    return cv::Rect((size.width - part.width) / 2, (size.height - part.height) / 2, part.width, part.height);
}

cv::Mat centre_view(const cv::Mat &bgr) {
    constexpr int kMaxRatio = 4;
    int short_side = std::min(bgr.cols, bgr.rows);
    cv::Size kept(std::min<int64_t>(bgr.cols, int64_t{kMaxRatio} * short_side),
                  std::min<int64_t>(bgr.rows, int64_t{kMaxRatio} * short_side));
    cv::Mat middle = bgr(centre_of(bgr.size(), kept));

    double scale = static_cast<double>(kResizedShortSide) / short_side;
    cv::Size size(static_cast<int>(std::lround(middle.cols * scale)),
                  static_cast<int>(std::lround(middle.rows * scale)));
    cv::Mat resized;
    cv::resize(middle, resized, size, 0, 0, scale < 1 ? cv::INTER_AREA : cv::INTER_CUBIC);
    return resized(centre_of(resized.size(), cv::Size(kInputSide, kInputSide)));
}

void write_input(const cv::Mat &view, float *out) {
    CV_Assert(view.rows == kInputSide && view.cols == kInputSide && view.type() == CV_8UC3);
    cv::Mat rgb, input(kInputSide, kInputSide, CV_32FC3, out);
    cv::cvtColor(view, rgb, cv::COLOR_BGR2RGB);
    rgb.convertTo(input, CV_32F, 1.0 / 128, -127.0 / 128);
}

}  // namespace imagehash::vision
