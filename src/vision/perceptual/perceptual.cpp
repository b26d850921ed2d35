// ImageHash's hashes over the arithmetic of pillow.h, dct.h and haar.h. Must be compiled without contraction
// (-ffp-contract=off), and must not use OpenCV's resizing or gray, which round otherwise.
#include "vision/perceptual/perceptual.h"

#include <algorithm>
#include <array>
#include <vector>

#include "vision/perceptual/bit_writer.h"
#include "vision/perceptual/dct.h"
#include "vision/perceptual/haar.h"
#include "vision/perceptual/pillow.h"

namespace imagehash::vision {

namespace {

cv::Mat resized_gray(const cv::Mat &bgr, int width, int height) {
    return pillow::resize(pillow::gray(bgr), width, height);
}

// Sets a bit for each value above the median. REQUIRES: an even number of values; the median is the mean of
// the middle two.
void write_bits_above_median(const std::vector<double> &values, uint8_t *out) {
    std::vector<double> sorted = values;
    auto upper = sorted.begin() + sorted.size() / 2;
    std::nth_element(sorted.begin(), upper, sorted.end());
    double median = (*std::max_element(sorted.begin(), upper) + *upper) / 2;
    BitWriter bits(out);
    for (double value : values) bits.add(value > median);
}

// The tile (row, column) of a picture that is divided into tiles of the square's side.
void load_tile(const cv::Mat &gray, int row, int column, Square &tile) {
    for (int y = 0; y < tile.side; y++) {
        const uint8_t *from = gray.ptr(row * tile.side + y) + column * tile.side;
        for (int x = 0; x < tile.side; x++) tile.at(y, x) = from[x] / 255.0;
    }
}

}  // namespace

bool is_hash_size(int size) {
    return size == 8 || size == 16 || size == 32;
}

void average_hash(const cv::Mat &bgr, int size, uint8_t *out) {
    cv::Mat gray = resized_gray(bgr, size, size);
    int sum = 0;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) sum += gray.at<uint8_t>(y, x);
    BitWriter bits(out);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) bits.add(gray.at<uint8_t>(y, x) * size * size > sum);
}

void difference_hash(const cv::Mat &bgr, int size, uint8_t *out) {
    cv::Mat gray = resized_gray(bgr, size + 1, size);
    BitWriter bits(out);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) bits.add(gray.at<uint8_t>(y, x + 1) > gray.at<uint8_t>(y, x));
}

void vertical_difference_hash(const cv::Mat &bgr, int size, uint8_t *out) {
    cv::Mat gray = resized_gray(bgr, size, size + 1);
    BitWriter bits(out);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) bits.add(gray.at<uint8_t>(y + 1, x) > gray.at<uint8_t>(y, x));
}

void perceptual_hash(const cv::Mat &bgr, int size, uint8_t *out) {
    int side = 4 * size;
    cv::Mat gray = resized_gray(bgr, side, side);
    CosineTransform transform(side);
    std::vector<double> line(side), low;
    cv::Mat columns(size, side, CV_64FC1);
    for (int x = 0; x < side; x++) {
        for (int y = 0; y < side; y++) line[y] = gray.at<uint8_t>(y, x);
        transform.run(line.data());
        for (int y = 0; y < size; y++) columns.at<double>(y, x) = line[y];
    }
    for (int y = 0; y < size; y++) {
        transform.run(columns.ptr<double>(y));
        low.insert(low.end(), columns.ptr<double>(y), columns.ptr<double>(y) + size);
    }
    write_bits_above_median(low, out);
}

// ImageHash decomposes the picture completely, clears the last approximation, reconstructs the picture, and
// decomposes it to size x size. So each tile of the picture makes one bit, and tiles meet only in `top`.
void wavelet_hash(const cv::Mat &bgr, int size, uint8_t *out) {
    int side = size;
    while (2 * side <= std::min(bgr.cols, bgr.rows)) side *= 2;
    cv::Mat gray = resized_gray(bgr, side, side);
    Square tile(side / size), top(size);
    for (int row = 0; row < size; row++)
        for (int column = 0; column < size; column++) {
            load_tile(gray, row, column, tile);
            haar_decompose(tile);
            top.at(row, column) = tile.at(0, 0);
        }
    haar_decompose(top);
    top.at(0, 0) = 0;
    haar_reconstruct(top);
    for (int row = 0; row < size; row++)
        for (int column = 0; column < size; column++) {
            load_tile(gray, row, column, tile);
            haar_decompose(tile);
            tile.at(0, 0) = top.at(row, column);
            haar_reconstruct(tile);
            haar_decompose(tile);
            top.at(row, column) = tile.at(0, 0);
        }
    write_bits_above_median(top.values, out);
}

void color_hash(const cv::Mat &bgr, uint8_t *out) {
    // ImageHash's bounds of gray and of saturation, on 0 to 255; hues are divided at multiples of 42.5.
    constexpr int kBlack = 256 / 8, kFaint = 256 / 3, kStrong = 256 * 2 / 3, kHues = 6;
    int64_t blacks = 0, grays = 0, colors = 0;
    std::array<int64_t, 2 * kHues> of_hue{};
    for (int y = 0; y < bgr.rows; y++) {
        const uint8_t *from = bgr.ptr(y);
        for (int x = 0; x < bgr.cols; x++, from += 3) {
            uint8_t blue = from[0], green = from[1], red = from[2];
            if (pillow::gray(red, green, blue) < kBlack) {
                blacks++;
                continue;
            }
            int saturation = pillow::saturation(red, green, blue);
            if (saturation < kFaint) {
                grays++;
                continue;
            }
            colors++;
            // A saturation that equals the bound is neither faint nor strong.
            int hue = std::min(pillow::hue(red, green, blue) * 2 / 85, kHues - 1);
            if (saturation < kStrong) of_hue[hue]++;
            if (saturation > kStrong) of_hue[kHues + hue]++;
        }
    }
    BitWriter bits(out);
    for (int i = 0; i < 6; i++) bits.add(false);
    auto add_share = [&](int64_t count, double total) {
        int level = std::min(7, static_cast<int>(static_cast<double>(count) / total * 8));
        bits.add(level >= 4);
        bits.add(level >= 2);
        bits.add(level % 2 == 1);
    };
    add_share(blacks, static_cast<double>(bgr.total()));
    add_share(grays, static_cast<double>(bgr.total()));
    for (int64_t count : of_hue) add_share(count, static_cast<double>(std::max<int64_t>(colors, 1)));
}

}  // namespace imagehash::vision
