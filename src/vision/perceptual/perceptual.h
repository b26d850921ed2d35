// Classic perceptual hashes of decoded pixels, bit for bit those of Python's ImageHash.
//
// Definitions, order of bits and arithmetic are those of ImageHash 4.3 (github.com/JohannesBuchner/imagehash)
// over Pillow, SciPy and PyWavelets, so that hashes made there can be compared with ours. What may differ is
// the pixels: JPEG decoders round differently, ImageHash ignores alpha where we compose on white, and does
// not turn an image upright. Input: 8-bit BGR of any size. Output: bits row by row, the first bit the highest
// of out[0].
#pragma once

#include <cstdint>

#include <opencv2/core.hpp>

#include "vision/types.h"

namespace imagehash::vision {

// Each of the size x size bits: 8, 16 or 32 a side.
bool is_hash_size(int size);

// size x size grey; a bit is set where a pixel is above the mean. N. Krawetz, "Looks Like It",
// hackerfactor.com, 2011. ImageHash's average_hash().
void average_hash(const cv::Mat &bgr, int size, uint8_t *out);

// (size + 1) x size grey; a bit is set where a pixel is brighter than its left neighbour. N. Krawetz, "Kind
// of Like That", hackerfactor.com, 2013. ImageHash's dhash().
void difference_hash(const cv::Mat &bgr, int size, uint8_t *out);

// The same downwards: size x (size + 1) grey, brighter than the pixel above. ImageHash's dhash_vertical().
void vertical_difference_hash(const cv::Mat &bgr, int size, uint8_t *out);

// 4 size x 4 size grey, DCT-II, the size x size lowest frequencies; a bit is set where one is above their
// median. N. Krawetz, "Looks Like It". ImageHash's phash().
void perceptual_hash(const cv::Mat &bgr, int size, uint8_t *out);

// Grey, resized to the largest power of 2 that fits the image (at least size), without its mean; the Haar
// wavelet's approximation of size x size; a bit is set where it is above the median. D. Petrov, "Wavelet
// image hash in Python", 2016. ImageHash's whash().
void wavelet_hash(const cv::Mat &bgr, int size, uint8_t *out);

// Which part of the pixels is black, is grey, has one of 6 hues faintly or strongly: 14 values of 3 bits,
// preceded by 6 zero bits, in kColorHashBytes. As ImageHash's colorhash(), a value v is written as v >= 4, v
// >= 2, v odd.
void color_hash(const cv::Mat &bgr, uint8_t *out);

}  // namespace imagehash::vision
