// The Haar wavelet transform of PyWavelets, rounding included, in place.
//
// If blocks of a picture are equally bright, rounding decides the bits of its wavelet hash. So products and
// sums are those of pywt.wavedec2() and waverec2(), in their order (github.com/PyWavelets/pywt, MIT). Each
// step stays within blocks of 2x2 values, so a large picture can be transformed tile by tile.
#pragma once

#include <cstddef>
#include <vector>

namespace imagehash::vision {

// A square of values whose side is a power of 2.
struct Square {
    explicit Square(int side) : side(side), values(static_cast<size_t>(side) * side) {}
    double &at(int y, int x) { return values[static_cast<size_t>(y) * side + x]; }

    int side;
    std::vector<double> values;
};

// Decomposes all levels. The approximation of the last one is then at (0, 0), that of level k at the
// multiples of 2^k.
void haar_decompose(Square &square);

// Inverts haar_decompose().
void haar_reconstruct(Square &square);

}  // namespace imagehash::vision
