// Pillow's fixed-point and floating-point steps, in its order. Must be compiled without contraction
// (-ffp-contract=off): a fused multiply-add rounds otherwise than Pillow.
#include "vision/perceptual/pillow.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace imagehash::vision::pillow {

namespace {

// Weights are integers with so many fractional bits. Of 32 bits, 8 are left for the pixel and 2 for
// overshoot.
constexpr int kWeightBits = 22;
constexpr int32_t kHalf = 1 << (kWeightBits - 1);
constexpr double kLanczosSupport = 3;

double sinc(double x) {
    if (x == 0) return 1;
    x *= M_PI;
    return std::sin(x) / x;
}

double lanczos(double x) {
    return -kLanczosSupport <= x && x < kLanczosSupport ? sinc(x) * sinc(x / kLanczosSupport) : 0;
}

// The pixels of the input that make one pixel of the output, and their weights.
struct Tap {
    int first;
    int count;
    size_t weights;  // index of the first in Taps::weights
};

struct Taps {
    std::vector<Tap> taps;  // of each pixel of the output
    std::vector<int32_t> weights;
};

Taps make_taps(int input, int output) {
    Taps result;
    double scale = static_cast<double>(input) / output, stretch = std::max(scale, 1.0);
    double support = kLanczosSupport * stretch, inverse = 1 / stretch;
    std::vector<double> exact;
    for (int i = 0; i < output; i++) {
        double center = (i + 0.5) * scale;
        int first = std::max(static_cast<int>(center - support + 0.5), 0);
        int count = std::min(static_cast<int>(center + support + 0.5), input) - first;
        exact.resize(count);
        double sum = 0;
        for (int k = 0; k < count; k++) sum += exact[k] = lanczos((k + first - center + 0.5) * inverse);
        result.taps.push_back({first, count, result.weights.size()});
        for (double weight : exact) {
            if (sum != 0) weight /= sum;
            weight *= 1 << kWeightBits;
            result.weights.push_back(static_cast<int32_t>(weight < 0 ? weight - 0.5 : weight + 0.5));
        }
    }
    return result;
}

uint8_t to_pixel(int32_t sum) {
    return static_cast<uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
}

cv::Mat resize_rows(const cv::Mat &in, int width) {
    Taps taps = make_taps(in.cols, width);
    cv::Mat out(in.rows, width, CV_8UC1);
    for (int y = 0; y < in.rows; y++) {
        const uint8_t *from = in.ptr(y);
        uint8_t *to = out.ptr(y);
        for (int x = 0; x < width; x++) {
            const Tap &tap = taps.taps[x];
            const int32_t *weights = &taps.weights[tap.weights];
            const uint8_t *pixels = from + tap.first;
            int32_t sum = kHalf;
            for (int k = 0; k < tap.count; k++) sum += pixels[k] * weights[k];
            to[x] = to_pixel(sum);
        }
    }
    return out;
}

cv::Mat resize_columns(const cv::Mat &in, int height) {
    Taps taps = make_taps(in.rows, height);
    cv::Mat out(height, in.cols, CV_8UC1);
    std::vector<int32_t> sums(in.cols);
    for (int y = 0; y < height; y++) {
        const Tap &tap = taps.taps[y];
        std::fill(sums.begin(), sums.end(), kHalf);
        for (int k = 0; k < tap.count; k++) {
            const uint8_t *from = in.ptr(tap.first + k);
            int32_t weight = taps.weights[tap.weights + k];
            for (int x = 0; x < in.cols; x++) sums[x] += from[x] * weight;
        }
        std::transform(sums.begin(), sums.end(), out.ptr(y), to_pixel);
    }
    return out;
}

}  // namespace

cv::Mat gray(const cv::Mat &bgr) {
    cv::Mat result(bgr.rows, bgr.cols, CV_8UC1);
    for (int y = 0; y < bgr.rows; y++) {
        const uint8_t *from = bgr.ptr(y);
        uint8_t *to = result.ptr(y);
        for (int x = 0; x < bgr.cols; x++, from += 3) to[x] = gray(from[2], from[1], from[0]);
    }
    return result;
}

cv::Mat resize(const cv::Mat &gray, int width, int height) {
    // Since version 13 Pillow resizes columns first if the picture loses much of its height.
    int lost_rows = gray.rows - height, lost_columns = gray.cols - width;
    bool rows_first = lost_rows <= 0 || lost_rows <= 2 * lost_columns;
    cv::Mat result = gray;
    if (rows_first && result.cols != width) result = resize_rows(result, width);
    if (result.rows != height) result = resize_columns(result, height);
    if (result.cols != width) result = resize_rows(result, width);
    return result;
}

uint8_t saturation(uint8_t red, uint8_t green, uint8_t blue) {
    uint8_t most = std::max({red, green, blue}), least = std::min({red, green, blue});
    if (most == least) return 0;
    float saturation = static_cast<float>(most - least) / static_cast<float>(most);
    return static_cast<uint8_t>(saturation * 255.0);
}

// Single and double precision alternate as in Pillow.
uint8_t hue(uint8_t red, uint8_t green, uint8_t blue) {
    uint8_t most = std::max({red, green, blue}), least = std::min({red, green, blue});
    if (most == least) return 0;
    auto range = static_cast<float>(most - least);
    float r = static_cast<float>(most - red) / range, g = static_cast<float>(most - green) / range,
          b = static_cast<float>(most - blue) / range;
    float sextant = red == most     ? b - g
                    : green == most ? static_cast<float>(2.0 + r - b)
                                    : static_cast<float>(4.0 + g - r);
    double turn = sextant / 6.0 + 1.0;
    auto hue = static_cast<float>(turn < 1 ? turn : turn - 1);
    return static_cast<uint8_t>(hue * 255.0);
}

namespace {

constexpr int kBoxPasses = 3;

// The radius, with a fraction, of the box filter whose kBoxPasses-fold repetition has the variance of the
// Gaussian.
float box_radius(float radius) {
    float variance = radius * radius / kBoxPasses;
    float length = static_cast<float>(std::sqrt(12.0 * variance + 1.0));
    float whole = static_cast<float>(std::floor((length - 1.0) / 2.0));
    float part = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance);
    part /= 6 * (variance - (whole + 1) * (whole + 1));
    return whole + part;
}

// Filters one row in 24-bit fixed point. The pixels at its ends are repeated beyond them.
void box_blur(std::vector<uint8_t> &row, float radius) {
    int whole = static_cast<int>(radius), last = static_cast<int>(row.size()) - 1;
    auto inner = static_cast<uint32_t>(static_cast<float>(1u << 24) / (radius * 2 + 1));
    uint32_t edge = ((1u << 24) - (whole * 2 + 1) * inner) / 2;
    std::vector<uint8_t> in = row;
    auto at = [&](int x) -> uint32_t { return in[std::clamp(x, 0, last)]; };
    uint32_t sum = 0;
    for (int x = -whole - 1; x < whole; x++) sum += at(x);
    for (int x = 0; x <= last; x++) {
        sum += at(x + whole) - at(x - whole - 1);
        uint32_t value = sum * inner + (at(x - whole - 1) + at(x + whole + 1)) * edge;
        row[x] = static_cast<uint8_t>((value + (1u << 23)) >> 24);
    }
}

cv::Mat blur_rows(const cv::Mat &in, float radius) {
    cv::Mat out(in.rows, in.cols, CV_8UC1);
    std::vector<uint8_t> row;
    for (int y = 0; y < in.rows; y++) {
        row.assign(in.ptr(y), in.ptr(y) + in.cols);
        for (int pass = 0; pass < kBoxPasses; pass++) box_blur(row, radius);
        std::copy(row.begin(), row.end(), out.ptr(y));
    }
    return out;
}

}  // namespace

cv::Mat gaussian_blur(const cv::Mat &gray, float radius) {
    float box = box_radius(radius);
    cv::Mat columns = blur_rows(blur_rows(gray, box).t(), box);
    return columns.t();
}

cv::Mat median_3x3(const cv::Mat &gray) {
    cv::Mat out(gray.rows, gray.cols, CV_8UC1);
    for (int y = 0; y < gray.rows; y++)
        for (int x = 0; x < gray.cols; x++) {
            uint8_t around[9];
            for (int i = 0; i < 9; i++)
                around[i] = gray.at<uint8_t>(std::clamp(y + i / 3 - 1, 0, gray.rows - 1),
                                             std::clamp(x + i % 3 - 1, 0, gray.cols - 1));
            std::nth_element(around, around + 4, around + 9);
            out.at<uint8_t>(y, x) = around[4];
        }
    return out;
}

}  // namespace imagehash::vision::pillow
