// A scan of a JPEG as its headers describe it: what the filters (jpeg_dc_filter.h, jpeg_scan_filter.h) need
// to know.
//
// Words are those of ITU-T T.81 and of libjpeg. Must not depend on libjpeg's types.
#pragma once

#include <cstdint>

namespace imagehash::vision {

// A Huffman table as a DHT segment gives it, and libjpeg's JHUFF_TBL holds it.
struct JpegHuffmanTable {
    const uint8_t *bits;     // bits[n]: number of codes of n bits, 1 to 16
    const uint8_t *huffval;  // 256 symbols, shortest code first
};

struct JpegComponent {
    int id;
    int mcu_width, mcu_height;           // blocks of the component in an MCU (minimum coded unit)
    bool dc_only;                        // at the wanted scale a block is one pixel: its DC coefficient
    const uint16_t *quantization_table;  // 64 values in natural order, row by row
    JpegHuffmanTable dc_table, ac_table;
};

struct JpegScan {
    int components;
    JpegComponent component[4];  // in the order of the scan
    int64_t mcus_per_row, mcu_rows;
    int64_t restart_interval;  // MCUs between restart markers, 0: there are none
};

// What a filter did. `unchanged`: libjpeg must decode the file as it is.
enum class FilterOutcome { reduced, unchanged, stopped };

}  // namespace imagehash::vision
