// Copies of a picture as people make them, for the near-duplicate table: each is changed and saved again as
// JPEG.
//
// What is random (where a crop lies, what a caption says) comes from the picture's number, so every run makes
// the same copies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <opencv2/core.hpp>

namespace imagehash::tools {

constexpr size_t kCopyKinds = 7;

// "cropped 10 %", for example.
const char *copy_name(size_t kind);

// The encoded copy of picture `number`, 8-bit BGR of any size.
std::vector<uint8_t> copy_of(const cv::Mat &image, size_t kind, size_t number);

}  // namespace imagehash::tools
