// Gray, resampling and filters of Pillow, bit for bit.
//
// Perceptual hashes made in Python depend on Pillow's arithmetic: 16-bit weights of gray, and an antialiased
// Lanczos filter in 22-bit fixed point, rounded to 8 bits after each of two passes. OpenCV's arithmetic
// differs, and a difference of one gray level can change a bit of a hash. Source: Pillow (python-pillow.org;
// J. A. Clark and contributors, MIT-CMU), Convert.c, Resample.c, BoxBlur.c, RankFilter.c of version 13. Older
// versions always resize rows first, so they differ for pictures that lose more than twice as many rows as
// columns. Must not be replaced by functions of another library.
#pragma once

#include <cstdint>

#include <opencv2/core.hpp>

namespace imagehash::vision::pillow {

// Image.convert("L"): (R * 19595 + G * 38470 + B * 7471) / 65536, rounded to nearest.
inline uint8_t gray(uint8_t red, uint8_t green, uint8_t blue) {
    return static_cast<uint8_t>((red * 19595u + green * 38470u + blue * 7471u + 0x8000u) >> 16);
}
cv::Mat gray(const cv::Mat &bgr);

// Image.resize((width, height), LANCZOS) of an image of mode "L".
cv::Mat resize(const cv::Mat &gray, int width, int height);

// Image.convert("HSV") of one pixel: saturation, and hue, whose circle is 0 to 255.
uint8_t saturation(uint8_t red, uint8_t green, uint8_t blue);
uint8_t hue(uint8_t red, uint8_t green, uint8_t blue);

// Image.filter(GaussianBlur(radius)) of mode "L": three box filters in each direction, whose variances add up
// to radius squared (P. Gwosdek et al., "Theoretical foundations of Gaussian convolution by extended box
// filtering", 2011).
cv::Mat gaussian_blur(const cv::Mat &gray, float radius);

// Image.filter(MedianFilter(3)) of mode "L": the border is repeated.
cv::Mat median_3x3(const cv::Mat &gray);

}  // namespace imagehash::vision::pillow
