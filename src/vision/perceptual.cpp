// See perceptual.h.
#include "vision/perceptual.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <opencv2/imgproc.hpp>

namespace imagehash::vision {

static cv::Mat small_grey(const cv::Mat &bgr, int width, int height) {
    cv::Mat grey, result;
    cv::cvtColor(bgr, grey, cv::COLOR_BGR2GRAY);
    cv::resize(grey, result, cv::Size(width, height), 0, 0, cv::INTER_AREA);
    return result;
}

// 64 answers of bit(row, column), row by row.
template <class Bit>
static uint64_t pack_bits(Bit bit) {
    uint64_t code = 0;
    for (int row = 0; row < 8; row++)
        for (int column = 0; column < 8; column++) code = code << 1 | (bit(row, column) ? 1 : 0);
    return code;
}

uint64_t average_hash(const cv::Mat &bgr) {
    cv::Mat grey = small_grey(bgr, 8, 8);
    double mean = cv::mean(grey)[0];
    return pack_bits([&](int row, int column) { return grey.at<uint8_t>(row, column) > mean; });
}

uint64_t difference_hash(const cv::Mat &bgr) {
    cv::Mat grey = small_grey(bgr, 9, 8);
    return pack_bits([&](int row, int column) {
        return grey.at<uint8_t>(row, column + 1) > grey.at<uint8_t>(row, column);
    });
}

uint64_t perceptual_hash(const cv::Mat &bgr) {
    cv::Mat frequencies;
    small_grey(bgr, 32, 32).convertTo(frequencies, CV_64F);
    cv::dct(frequencies, frequencies);
    // OpenCV's transform is orthonormal, ImageHash's (SciPy's) is not: the zero frequencies weigh more there.
    frequencies.row(0) *= std::sqrt(2.0);
    frequencies.col(0) *= std::sqrt(2.0);

    std::array<double, 64> low;
    for (int i = 0; i < 64; i++) low[i] = frequencies.at<double>(i / 8, i % 8);
    std::array<double, 64> sorted = low;
    std::sort(sorted.begin(), sorted.end());
    double median = (sorted[31] + sorted[32]) / 2;
    return pack_bits([&](int row, int column) { return low[row * 8 + column] > median; });
}

}  // namespace imagehash::vision
