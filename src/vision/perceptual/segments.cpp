// Flood-fills bright and dark regions of the picture at 300x300. Must use pillow.h alone for its pixels, as
// ImageHash does.
#include "vision/perceptual/segments.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "vision/perceptual/pillow.h"
#include "vision/types.h"

namespace imagehash::vision {

namespace {

constexpr int kSide = 300;          // of the picture that is segmented
constexpr int kBrightAbove = 128;   // gray
constexpr int kSegmentAbove = 500;  // pixels
constexpr float kBlurRadius = 2;    // pixels
static_assert(kMaxSegments >= kSide * kSide / (kSegmentAbove + 1), "room for all");

struct Region {
    int size = 0;
    int top = kSide, bottom = 0, left = kSide, right = 0;  // bottom and right not included
};

class PixelMap {
 public:
    explicit PixelMap(const cv::Mat &gray) : gray_(gray), seen_(kSide * kSide) {}

    bool is_bright(int at) const { return gray_.data[at] > kBrightAbove; }
    bool is_seen(int at) const { return seen_[at]; }

    // Marks the region of `start`: pixels of its kind that are connected with it by their sides.
    Region flood_fill(int start) {
        Region region;
        bool bright = is_bright(start);
        seen_[start] = true;
        todo_ = {start};
        while (!todo_.empty()) {
            int at = todo_.back(), y = at / kSide, x = at % kSide;
            todo_.pop_back();
            region.size++;
            region.top = std::min(region.top, y);
            region.bottom = std::max(region.bottom, y + 1);
            region.left = std::min(region.left, x);
            region.right = std::max(region.right, x + 1);
            if (y > 0) visit(at - kSide, bright);
            if (y < kSide - 1) visit(at + kSide, bright);
            if (x > 0) visit(at - 1, bright);
            if (x < kSide - 1) visit(at + 1, bright);
        }
        return region;
    }

 private:
    void visit(int at, bool bright) {
        if (seen_[at] || is_bright(at) != bright) return;
        seen_[at] = true;
        todo_.push_back(at);
    }

    cv::Mat gray_;
    std::vector<bool> seen_;
    std::vector<int> todo_;
};

// Bright regions, then dark ones, each kind from top to bottom. ImageHash looks for dark regions until it has
// counted as many pixels as the picture has. It also counts a frame around the picture, but no region of one
// pixel, so it can miss the last regions; so does this function.
std::vector<Region> find_regions(const cv::Mat &gray) {
    PixelMap map(gray);
    std::vector<Region> regions;
    int counted = 4 * kSide;
    for (bool bright : {true, false})
        for (int at = 0; at < kSide * kSide && (bright || counted < kSide * kSide); at++) {
            if (map.is_seen(at) || map.is_bright(at) != bright) continue;
            Region region = map.flood_fill(at);
            if (region.size > 1) counted += region.size;
            if (region.size > kSegmentAbove) regions.push_back(region);
        }
    if (regions.empty()) regions.push_back({kSide * kSide, 0, kSide, 0, kSide});
    return regions;
}

// Scales the range [from, to) from kSide to `length` pixels, rounded to nearest, halves to even. A picture
// can have fewer pixels than a region, but no range becomes empty.
void scale_range(int from, int to, int length, int *begin, int *size) {
    double factor = static_cast<double>(length) / kSide;
    *begin = std::min(static_cast<int>(std::nearbyint(from * factor)), length - 1);
    *size = std::max(static_cast<int>(std::nearbyint(to * factor)) - *begin, 1);
}

}  // namespace

std::vector<cv::Rect> find_segments(const cv::Mat &bgr) {
    cv::Mat gray = pillow::resize(pillow::gray(bgr), kSide, kSide);
    gray = pillow::median_3x3(pillow::gaussian_blur(gray, kBlurRadius));
    std::vector<cv::Rect> segments;
    for (const Region &region : find_regions(gray)) {
        cv::Rect segment;
        scale_range(region.left, region.right, bgr.cols, &segment.x, &segment.width);
        scale_range(region.top, region.bottom, bgr.rows, &segment.y, &segment.height);
        segments.push_back(segment);
    }
    return segments;
}

}  // namespace imagehash::vision
