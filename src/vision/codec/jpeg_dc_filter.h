// DC-only decoding of a sequential JPEG at 1/8 scale.
//
// At 1/8 scale a block of 64 coefficients becomes one pixel, which its DC coefficient gives alone. The 63 AC
// coefficients are most of the file; libjpeg decodes each of them to find the next block, which takes most of
// its time for a large photo. This filter skips them, several with one table lookup. Components that need AC
// coefficients (4:2:0 chroma is decoded at 1/4 of its own size) are copied for libjpeg: the remainder.
//
// Pixels are those of libjpeg, bit for bit. Where anything about the data is odd, the file is left to
// libjpeg, so errors are libjpeg's too. Must not depend on libjpeg, throw, or allocate more than the size of
// the data and one byte for each block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/stop.h"
#include "base/types.h"
#include "vision/codec/jpeg_scan.h"

namespace imagehash::vision {

// One component at 1/8 scale: a sample for each block.
struct DcPlane {
    std::unique_ptr<uint8_t[]> samples;
    int64_t width = 0;  // blocks in a row of whole MCUs
};

struct DcOnlyScan {
    FilterOutcome outcome = FilterOutcome::unchanged;
    DcPlane plane[4];  // of the components that are dc_only
    // Of the other components, if there are any: entropy-coded data and an EOI marker, after room for a
    // header.
    std::unique_ptr<uint8_t[]> remainder;
    size_t remainder_size = 0;
};

// `data` is what follows the header of the only scan of a sequential Huffman-coded JPEG of 8 bits:
// entropy-coded data and the EOI marker. The remainder begins with `header_size` bytes that the caller fills.
// `stop` may be null.
DcOnlyScan decode_dc_only(Bytes data, const JpegScan &scan, size_t header_size, StopFlag stop);

}  // namespace imagehash::vision
