// An eighth of a JPEG without decoding the rest.
//
// At an eighth of its size a block of 64 coefficients is one pixel: its mean, the first of them. The others
// are most of the file, and libjpeg decodes each to find the next block, which in a large photo takes it
// longer than all else. Here several are passed over with one look into a table. What the means do not give
// (chroma at half the resolution is needed at a quarter of its size) is copied, for libjpeg.
//
// Pixels are those of libjpeg, bit for bit: data about which anything is odd are left to it, so that errors
// are the same too. Must not know libjpeg, throw, or allocate more than the data are long and a pixel a
// block.
#pragma once

#include <memory>

#include "vision/types.h"

namespace imagehash::vision {

// Huffman codes as a JPEG gives them, and libjpeg holds them.
struct JpegCodes {
    const uint8_t *counts;   // counts[n]: how many codes of n bits, 1 to 16
    const uint8_t *symbols;  // 256, shortest code first
};

struct JpegComponent {
    int id;
    int across, down;        // blocks in a minimum coded unit
    bool mean_only;          // its pixels are the means of its blocks
    const uint16_t *quanta;  // 64, row by row
    JpegCodes mean_codes, other_codes;
};

struct JpegScan {
    int components;
    JpegComponent component[4];  // in the order of the scan
    int64_t units_a_row, rows;   // minimum coded units
    int64_t restart_interval;    // in units, 0 for none
};

enum class FilterOutcome { thinner, unchanged, stopped };

struct Plane {
    std::unique_ptr<uint8_t[]> pixels;
    int64_t width = 0;  // that of whole units
};

struct FilteredScan {
    FilterOutcome outcome = FilterOutcome::unchanged;
    Plane plane[4];  // of those components that are mean_only
    // Of the others, if any: compressed data and the end-of-image marker, behind room for a header.
    std::unique_ptr<uint8_t[]> rest;
    size_t rest_size = 0;
};

// `data` is what follows the header of the only scan of a sequential JPEG (Huffman codes, 8 bits): the scan's
// compressed data and the end-of-image marker. `stop` may be null.
FilteredScan filter_scan(Bytes data, const JpegScan &scan, size_t before_rest, StopFlag stop);

struct FilteredScans {
    FilterOutcome outcome = FilterOutcome::unchanged;
    std::unique_ptr<uint8_t[]> data;  // takes the place of what was given
    size_t size = 0;
};

// `data` is what follows the header of the first scan of a progressive JPEG, which gives the means of all its
// components but for their lowest `low_bits` bits. Scans of which nothing is used are left out; they are not
// looked into.
FilteredScans filter_scans(Bytes data, const JpegScan &first, int low_bits, StopFlag stop);

}  // namespace imagehash::vision
