// The header of the remainder that decode_dc_only() copies (jpeg_dc_filter.h), which makes it a JPEG of its
// own.
//
// Must not depend on libjpeg, nor allocate.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vision/codec/jpeg_scan.h"

namespace imagehash::vision {

constexpr size_t kMaxRemainderHeader = 2048;

// Writes SOI to SOS of a sequential JPEG of the components that are not dc_only, and returns the length.
// REQUIRES: at most two components are not dc_only, each has one block in an MCU and width x height samples.
size_t write_remainder_header(const JpegScan &scan, int64_t width, int64_t height,
                              uint8_t out[kMaxRemainderHeader]);

}  // namespace imagehash::vision
