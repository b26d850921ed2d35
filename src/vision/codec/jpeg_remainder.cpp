// Writes SOI, DQT, DHT, SOF1, DRI and SOS, each with what the description of the scan says, and nothing else:
// the file's own headers must not be copied, as they speak of other components too.
#include "vision/codec/jpeg_remainder.h"

#include <cstring>

namespace imagehash::vision {

namespace {

constexpr uint16_t kSOI = 0xffd8;
constexpr uint8_t kSOF1 = 0xc1, kDHT = 0xc4, kSOS = 0xda, kDQT = 0xdb, kDRI = 0xdd;

// Natural order (row by row), in which libjpeg holds a quantization table, of each zigzag index.
constexpr uint8_t kNaturalOrder[64] = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
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
    // DQT, with 16 bits a value.
    void quantization_table(int index, const uint16_t *values) {
        segment(kDQT, 1 + 2 * 64);
        u8(0x10 | index);
        for (uint8_t place : kNaturalOrder) u16(values[place]);
    }
    // DHT; 0x10 in class_and_index means AC.
    void huffman_table(int class_and_index, const JpegHuffmanTable &table) {
        int count = 0;
        for (int n = 1; n <= 16; n++) count += table.bits[n];
        segment(kDHT, 17 + count);
        u8(class_and_index);
        memcpy(at_, table.bits + 1, 16);
        memcpy(at_ + 16, table.huffval, static_cast<size_t>(count));
        at_ += 16 + count;
    }
    size_t size() const { return static_cast<size_t>(at_ - begin_); }

 private:
    uint8_t *begin_, *at_;
};

}  // namespace

size_t write_remainder_header(const JpegScan &scan, int64_t width, int64_t height,
                              uint8_t out[kMaxRemainderHeader]) {
    HeaderWriter header(out);
    const JpegComponent *component[2];
    int count = 0;
    for (int c = 0; c < scan.components && count < 2; c++)
        if (!scan.component[c].dc_only) component[count++] = &scan.component[c];
    header.u16(kSOI);
    for (int c = 0; c < count; c++) {
        header.quantization_table(c, component[c]->quantization_table);
        header.huffman_table(c, component[c]->dc_table);
        header.huffman_table(0x10 | c, component[c]->ac_table);
    }
    header.segment(kSOF1, 6 + 3 * count);
    header.u8(8);
    header.u16(height);
    header.u16(width);
    header.u8(count);
    for (int c = 0; c < count; c++) {
        header.u8(c);
        header.u8(0x11);  // sampling factors
        header.u8(c);
    }
    if (scan.restart_interval > 0) {
        header.segment(kDRI, 2);
        header.u16(scan.restart_interval);
    }
    header.segment(kSOS, 1 + 2 * count + 3);
    header.u8(count);
    for (int c = 0; c < count; c++) {
        header.u8(c);
        header.u8(c << 4 | c);
    }
    header.u8(0);   // Ss
    header.u8(63);  // Se
    header.u8(0);   // Ah, Al
    return header.size();
}

}  // namespace imagehash::vision
