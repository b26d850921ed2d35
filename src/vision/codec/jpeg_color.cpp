// The arithmetic of libjpeg's jdcolor.c: fractions of 2^16, rounded as its tables are. Must not round
// otherwise.
#include "vision/codec/jpeg_color.h"

#include <algorithm>

namespace imagehash::vision {

namespace {

uint8_t clamped(int value) {
    return static_cast<uint8_t>(std::min(std::max(value, 0), 255));
}

template <int step>
void ycc_to_bgr_by(const uint8_t *y, const uint8_t *cb, const uint8_t *cr, int width, uint8_t *bgr) {
    constexpr int kHalf = 1 << 15;
    for (int x = 0; x < width; x++, cb += step, cr += step, bgr += 3) {
        int blue = *cb - 128, red = *cr - 128;
        bgr[0] = clamped(y[x] + ((116130 * blue + kHalf) >> 16));
        bgr[1] = clamped(y[x] + ((-22554 * blue - 46802 * red + kHalf) >> 16));
        bgr[2] = clamped(y[x] + ((91881 * red + kHalf) >> 16));
    }
}

}  // namespace

void gray_to_bgr(const uint8_t *gray, int width, uint8_t *bgr) {
    for (int x = 0; x < width; x++, bgr += 3) bgr[0] = bgr[1] = bgr[2] = gray[x];
}

void ycc_to_bgr(const uint8_t *y, const uint8_t *cb, const uint8_t *cr, int step, int h_expand, int width,
                uint8_t *bgr) {
    if (h_expand == 1) {
        auto convert = step == 1 ? ycc_to_bgr_by<1> : ycc_to_bgr_by<2>;
        convert(y, cb, cr, width, bgr);
        return;
    }
    for (int x = 0; x < width; x += h_expand, cb += step, cr += step)
        ycc_to_bgr_by<0>(y + x, cb, cr, std::min(h_expand, width - x), bgr + 3 * x);
}

}  // namespace imagehash::vision
