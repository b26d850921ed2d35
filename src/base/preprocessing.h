// Preprocessing: how pixels become the input of a network. It is what the weights were trained with, and is
// stored with an image model.
//
// src/vision writes inputs by it, src/semantic runs networks on them, src/pg checks it.
#pragma once

#include <cmath>
#include <cstddef>

namespace imagehash {

// Of float[N,3,side,side], which lies in memory as [N][side][side][3] (channels-last).
struct Preprocessing {
    int side;        // height and width of the input, pixels
    int short_side;  // the image's short side is resized to this, and the center cut out; 0: the whole image
                     // is squashed to side x side
    float mean[3];   // of R, G, B, on 0 to 255
    float scale[3];  // input = (pixel - mean) / scale
    bool bgr;        // the channels in the order B, G, R
};

constexpr int kMinSide = 8, kMaxSide = 2048, kMaxShortSide = 4096;
constexpr float kMinScale = 1;

// The first thing that is wrong with it.
enum class PreprocessingFault { none, side, short_side, short_side_below_side, mean, scale };

// A side of 30000 would ask for 10 GB an image, and a scale of 0 divide by it.
inline PreprocessingFault fault_of(const Preprocessing &preprocessing) {
    const auto &[side, short_side, means, scales, bgr] = preprocessing;
    if (side < kMinSide || side > kMaxSide) return PreprocessingFault::side;
    if (short_side < 0 || short_side > kMaxShortSide) return PreprocessingFault::short_side;
    if (short_side != 0 && short_side < side) return PreprocessingFault::short_side_below_side;
    for (float mean : means)
        if (!std::isfinite(mean)) return PreprocessingFault::mean;
    for (float scale : scales)
        if (!std::isfinite(scale) || scale < kMinScale) return PreprocessingFault::scale;
    return PreprocessingFault::none;
}

// Values of one input.
inline size_t input_floats(const Preprocessing &preprocessing) {
    return static_cast<size_t>(preprocessing.side) * preprocessing.side * 3;
}

// The shipped network's (models/README.md): short side 256, center 224x224, RGB, (pixel - 127) / 128.
constexpr Preprocessing kShippedPreprocessing = {224, 256, {127, 127, 127}, {128, 128, 128}, false};

}  // namespace imagehash
