// The bright and the dark parts of a picture, each to be hashed alone, so that a copy that was cropped still
// shares some of them.
//
// M. Steinebach, H. Liu, Y. Yannikos, "Efficient cropping-resistant robust image hashing" (ARES 2014), as
// crop_resistant_hash() of Python's ImageHash cuts them, its order and its habits included.
#pragma once

#include <vector>

#include <opencv2/core.hpp>

namespace imagehash::vision {

// At least one rectangle and at most kMaxSegments of them; none empty, all within `bgr` (8-bit BGR). They may
// overlap. Where there is no part of 500 of the 300x300 pixels that are looked at, it is the whole picture.
std::vector<cv::Rect> find_segments(const cv::Mat &bgr);

}  // namespace imagehash::vision
