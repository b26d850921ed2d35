// One page is found ahead of the one that is given, so that the processor fetches it while its predecessor is
// read.
#include "index/scan/segment_walk.h"

#include "hamming/bounds.h"
#include "index/store/buffer_shortcuts.h"

namespace imagehash::index {

void SegmentWalk::begin(const Directory *directory, const Meta *meta, const uint16 *distances, int16 *bounds,
                        int done_through) {
    memset(this, 0, sizeof *this);
    directory_ = directory;
    meta_ = meta;
    distances_ = distances;
    bounds_ = bounds;
    done_through_ = done_through;
    restart();
}

void SegmentWalk::give_only(const uint32 *leaves, uint32 count) {
    Assert(count <= kMostFirst && !started_);
    memcpy(first_, leaves, sizeof(uint32) * count);
    first_count_ = count;
    only_first_ = true;
}

void SegmentWalk::restart() {
    tier_ = 0;
    place_ = 0;
    least_limit_ = pg::kMaxBits;
    started_ = false;
}

void SegmentWalk::open_leaf(const TierView &view, uint32 place, int limit) {
    open_ = true;
    leaves_ = view.leaves;
    leaf_ = view.first_leaf + place;
    segment_ = view.leaves->first_segment[place];
    segment_end_ = view.leaves->first_segment[place + 1];
    floor_ = bounds_[leaf_];
    limit_ = limit;
    next_bound_ = kNever;
}

void SegmentWalk::close_leaf() {
    bounds_[leaf_] = static_cast<int16>(next_bound_);
    open_ = false;
}

bool SegmentWalk::open_first_leaf() {
    while (next_first_ < first_count_) {
        uint32 leaf = first_[next_first_++];
        if (bounds_[leaf] == kNever) continue;
        const TierView &view = tier_of_leaf(*directory_, leaf);
        open_leaf(view, leaf - view.first_leaf, pg::kMaxBits);
        return true;
    }
    return false;
}

// Opens the next leaf bound to the limit or less.
bool SegmentWalk::open_next_leaf(int limit) {
    if (open_first_leaf()) return true;
    if (only_first_) return false;
    least_limit_ = Min(least_limit_, limit);
    for (; tier_ < directory_->tiers_count; tier_++, place_ = 0) {
        const TierView &view = directory_->tiers[tier_];
        const int16 *bounds = bounds_ + view.first_leaf;
        const uint32 count = view.leaves->leaves;
        if (place_ < count && bounds[place_] > limit)
            place_ += hamming::first_within(bounds + place_, count - place_, static_cast<int16>(limit));
        if (place_ >= count) continue;
        open_leaf(view, place_++, limit);
        return true;
    }
    return false;
}

// The bound of the segment; kNever where the walk does not want it.
int SegmentWalk::bound_of(const Segment &segment) const {
    if (distances_ == nullptr) return 0;
    const int distance = distances_[leaf_];
    if (distance + segment.rmax <= done_through_) return kNever;
    int bound = Max(lower_bound(distance, segment.rmin, segment.rmax), done_through_ + 1);
    return bound < floor_ ? kNever : bound;
}

static bool fits(const PageRuns &page, const Segment &segment) {
    if (page.count == 0) return true;
    return page.page.block == segment.page.block && page.count < PageRuns::kMost;
}

// Runs that follow each other become one.
static void add_segment(PageRuns *page, const Segment &segment, int bound) {
    page->page = segment.page;
    page->segments++;
    const auto stop = static_cast<uint16>(segment.start + segment.count);
    if (page->count > 0 && page->runs[page->count - 1].stop == segment.start) {
        Run *last = &page->runs[page->count - 1];
        last->stop = stop;
        last->bound = static_cast<uint16>(Min(last->bound, bound));
    } else {
        page->runs[page->count++] = {segment.start, stop, static_cast<uint16>(bound)};
    }
}

// Adds segments of the open leaf until the page ends; false then.
bool SegmentWalk::add_segments(PageRuns *page) {
    for (; segment_ < segment_end_; segment_++) {
        const Segment &segment = segment_at(directory_->index, leaves_, segment_);
        const int bound = bound_of(segment);
        if (bound > limit_) {
            next_bound_ = Min(next_bound_, bound);
            continue;
        }
        if (!fits(*page, segment)) return false;
        add_segment(page, segment, bound);
    }
    return true;
}

void SegmentWalk::find_page(int limit, PageRuns *page) {
    page->count = page->segments = 0;
    page->whole = next_pending_ < meta_->pending_count;
    if (page->whole) {
        page->page = meta_->pending[next_pending_++];
        page->segments = 1;
        return;
    }
    while (open_ || open_next_leaf(limit)) {
        if (!add_segments(page)) return;
        close_leaf();
    }
}

void SegmentWalk::prefetch_page(const PageRuns &page) const {
    const char *memory = page.segments > 0 ? prefetch_block(directory_->index, page.page.block) : nullptr;
    if (memory == nullptr) return;
    const int code_size = meta_->words() * static_cast<int>(sizeof(uint64));
    for (int r = 0; r < page.count; r++)
        for (int at = page.runs[r].start / hamming::kBlock * hamming::kBlock * code_size;
             at < page.runs[r].stop * code_size; at += kCacheLine)
            __builtin_prefetch(memory + kCodesOffset + at);
}

const PageRuns *SegmentWalk::next_page(int limit) {
    if (!started_) {
        find_page(limit, &pages_[given_ ^ 1]);
        started_ = true;
    }
    const PageRuns *page = &pages_[given_ ^ 1];
    if (page->segments == 0) {
        only_first_ = false;
        return nullptr;
    }
    given_ ^= 1;
    PageRuns *next = &pages_[given_ ^ 1];
    find_page(limit, next);
    prefetch_page(*next);
    return page;
}

}  // namespace imagehash::index
