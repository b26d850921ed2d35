// Classic perceptual hashes of decoded pixels, bit for bit those of Python's ImageHash.
//
// Definitions, order of bits and arithmetic are those of ImageHash 4.3 (github.com/JohannesBuchner/imagehash)
// with Pillow, SciPy and PyWavelets, so hashes made in Python can be compared with ours. The pixels may
// differ: JPEG decoders round differently, and ImageHash ignores alpha, which we compose on white, and the
// EXIF orientation. Input: 8-bit BGR of any size. Output: bits row by row, the first in the highest bit of
// out[0].
#pragma once

#include <cstdint>

#include <opencv2/core.hpp>

namespace imagehash::vision {

// True for 8, 16 and 32. A hash has size x size bits.
bool is_hash_size(int size);

// size x size gray; a bit is set if a pixel is above the mean. N. Krawetz, "Looks Like It",
// hackerfactor.com, 2011. ImageHash's average_hash().
void average_hash(const cv::Mat &bgr, int size, uint8_t *out);

// (size + 1) x size gray; a bit is set if a pixel is brighter than its left neighbor. N. Krawetz, "Kind
// of Like That", hackerfactor.com, 2013. ImageHash's dhash().
void difference_hash(const cv::Mat &bgr, int size, uint8_t *out);

// The same downwards: size x (size + 1) gray, brighter than the pixel above. ImageHash's dhash_vertical().
void vertical_difference_hash(const cv::Mat &bgr, int size, uint8_t *out);

// 4 size x 4 size gray, DCT-II, the size x size lowest frequencies; a bit is set if one is above their
// median. N. Krawetz, "Looks Like It". ImageHash's phash().
void perceptual_hash(const cv::Mat &bgr, int size, uint8_t *out);

// Gray, resized to the largest power of 2 that fits the image (at least size), without its mean; the Haar
// wavelet's approximation of size x size; a bit is set if it is above the median. D. Petrov, "Wavelet
// image hash in Python", 2016. ImageHash's whash().
void wavelet_hash(const cv::Mat &bgr, int size, uint8_t *out);

// The shares of pixels that are black, that are gray, and that have each of 6 hues, faintly or strongly: 14
// values of 3 bits, after 6 zero bits, in kColorHashBytes. A value v is written as v >= 4, v >= 2, v odd, as
// by ImageHash's colorhash().
void color_hash(const cv::Mat &bgr, uint8_t *out);

}  // namespace imagehash::vision
