// The bright and the dark segments of a picture. Each is hashed alone, so a cropped copy still shares some of
// the hashes.
//
// M. Steinebach, H. Liu, Y. Yannikos, "Efficient cropping-resistant robust image hashing" (ARES 2014).
// Segments and their order are those of crop_resistant_hash() of Python's ImageHash, its oddities included.
#pragma once

#include <vector>

#include <opencv2/core.hpp>

namespace imagehash::vision {

// Returns 1 to kMaxSegments rectangles, none of them empty, all within `bgr` (8-bit BGR). They may overlap. A
// segment has more than 500 of the 300x300 pixels that the picture is resized to; if there is none, the whole
// picture is returned.
std::vector<cv::Rect> find_segments(const cv::Mat &bgr);

}  // namespace imagehash::vision
