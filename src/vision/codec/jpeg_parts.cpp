// See jpeg_parts.h.
#include "vision/codec/jpeg_parts.h"

#include <algorithm>
#include <cstring>

namespace imagehash::vision {

namespace {

// The order in which a JPEG stores 8x8 numbers that libjpeg holds row by row.
constexpr uint8_t kZigzag[64] = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
                                 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
                                 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
                                 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

class HeaderWriter {
 public:
    explicit HeaderWriter(uint8_t *out) : begin_(out), at_(out) {}

    void u8(int64_t value) { *at_++ = static_cast<uint8_t>(value); }
    void u16(int64_t value) {
        u8(value >> 8);
        u8(value);
    }
    void segment(uint8_t marker, int64_t length) {
        u16(0xff00 | marker);
        u16(length + 2);
    }
    void codes(int place, const JpegCodes &codes) {
        int count = 0;
        for (int n = 1; n <= 16; n++) count += codes.counts[n];
        segment(0xc4, 17 + count);
        u8(place);
        memcpy(at_, codes.counts + 1, 16);
        memcpy(at_ + 16, codes.symbols, static_cast<size_t>(count));
        at_ += 16 + count;
    }
    size_t size() const { return static_cast<size_t>(at_ - begin_); }

 private:
    uint8_t *begin_, *at_;
};

uint8_t clamped(int value) {
    return static_cast<uint8_t>(std::min(std::max(value, 0), 255));
}

}  // namespace

size_t write_rest_header(const JpegScan &scan, int64_t width, int64_t height, uint8_t out[kMaxRestHeader]) {
    HeaderWriter header(out);
    const JpegComponent *rest[2];
    int count = 0;
    for (int c = 0; c < scan.components && count < 2; c++)
        if (!scan.component[c].mean_only) rest[count++] = &scan.component[c];
    header.u16(0xffd8);
    for (int c = 0; c < count; c++) {
        header.segment(0xdb, 1 + 2 * 64);
        header.u8(0x10 | c);  // of 16 bits each
        for (uint8_t place : kZigzag) header.u16(rest[c]->quanta[place]);
        header.codes(c, rest[c]->mean_codes);
        header.codes(0x10 | c, rest[c]->other_codes);
    }
    header.segment(0xc1, 6 + 3 * count);
    header.u8(8);
    header.u16(height);
    header.u16(width);
    header.u8(count);
    for (int c = 0; c < count; c++) {
        header.u8(c);
        header.u8(0x11);
        header.u8(c);
    }
    if (scan.restart_interval > 0) {
        header.segment(0xdd, 2);
        header.u16(scan.restart_interval);
    }
    header.segment(0xda, 1 + 2 * count + 3);
    header.u8(count);
    for (int c = 0; c < count; c++) {
        header.u8(c);
        header.u8(c << 4 | c);
    }
    header.u8(0);
    header.u8(63);
    header.u8(0);
    return header.size();
}

void grey_to_bgr(const uint8_t *grey, int width, uint8_t *bgr) {
    for (int x = 0; x < width; x++, bgr += 3) bgr[0] = bgr[1] = bgr[2] = grey[x];
}

namespace {

// libjpeg's fractions of 2^16, rounded as its tables are.
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

void ycc_to_bgr(const uint8_t *y, const uint8_t *cb, const uint8_t *cr, int step, int repeat, int width,
                uint8_t *bgr) {
    if (repeat == 1) {
        auto convert = step == 1 ? ycc_to_bgr_by<1> : ycc_to_bgr_by<2>;
        convert(y, cb, cr, width, bgr);
        return;
    }
    for (int x = 0; x < width; x += repeat, cb += step, cr += step)
        ycc_to_bgr_by<0>(y + x, cb, cr, std::min(repeat, width - x), bgr + 3 * x);
}

}  // namespace imagehash::vision
