// See segments.h.
#include "vision/perceptual/segments.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "vision/types.h"
#include "vision/perceptual/pillow.h"

namespace imagehash::vision {

namespace {

constexpr int kSide = 300;       // of the picture that is looked at
constexpr int kBright = 128;     // brighter than this
constexpr int kLeastSize = 500;  // pixels; larger than this
constexpr float kBlur = 2;       // radius, pixels
static_assert(kMaxSegments >= kSide * kSide / (kLeastSize + 1), "room for all");

struct Region {
    int size = 0;
    int top = kSide, bottom = 0, left = kSide, right = 0;  // bottom and right not included
};

class Map {
 public:
    explicit Map(const cv::Mat &grey) : grey_(grey), seen_(kSide * kSide) {}

    bool is_bright(int at) const { return grey_.data[at] > kBright; }
    bool is_seen(int at) const { return seen_[at]; }

    // Marks what is connected with `start` by sides and of its kind.
    Region fill(int start) {
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

    cv::Mat grey_;
    std::vector<bool> seen_;
    std::vector<int> todo_;
};

// Bright regions, then dark ones, each kind from top to bottom. ImageHash looks for dark ones until it has
// counted as many pixels as there are; it counts the ring around the picture too, and no region of one pixel,
// so what is found last can be missed.
std::vector<Region> find_regions(const cv::Mat &grey) {
    Map map(grey);
    std::vector<Region> regions;
    int counted = 4 * kSide;
    for (bool bright : {true, false})
        for (int at = 0; at < kSide * kSide && (bright || counted < kSide * kSide); at++) {
            if (map.is_seen(at) || map.is_bright(at) != bright) continue;
            Region region = map.fill(at);
            if (region.size > 1) counted += region.size;
            if (region.size > kLeastSize) regions.push_back(region);
        }
    if (regions.empty()) regions.push_back({kSide * kSide, 0, kSide, 0, kSide});
    return regions;
}

// From kSide to `length` pixels, to the nearest, halves to the even one. A picture can have less pixels than
// a region has, but no region becomes empty.
void scale(int from, int to, int length, int *begin, int *size) {
    double factor = static_cast<double>(length) / kSide;
    *begin = std::min(static_cast<int>(std::nearbyint(from * factor)), length - 1);
    *size = std::max(static_cast<int>(std::nearbyint(to * factor)) - *begin, 1);
}

}  // namespace

std::vector<cv::Rect> find_segments(const cv::Mat &bgr) {
    cv::Mat grey = pillow::resize(pillow::grey(bgr), kSide, kSide);
    grey = pillow::median_3x3(pillow::gaussian_blur(grey, kBlur));
    std::vector<cv::Rect> segments;
    for (const Region &region : find_regions(grey)) {
        cv::Rect segment;
        scale(region.left, region.right, bgr.cols, &segment.x, &segment.width);
        scale(region.top, region.bottom, bgr.rows, &segment.y, &segment.height);
        segments.push_back(segment);
    }
    return segments;
}

}  // namespace imagehash::vision
