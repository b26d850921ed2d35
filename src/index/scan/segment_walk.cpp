// See segment_walk.h.
#include "index/scan/segment_walk.h"

#include "hamming/bounds.h"

namespace imagehash::index {

void begin_walk(SegmentWalk *walk, const Directory *directory, const Meta *meta, const uint16 *distances,
                int16 *bounds, int done_through) {
    memset(walk, 0, sizeof *walk);
    walk->directory = directory;
    walk->meta = meta;
    walk->distances = distances;
    walk->bounds = bounds;
    walk->done_through = done_through;
    restart_walk(walk);
}

void restart_walk(SegmentWalk *walk) {
    walk->tier = 0;
    walk->place = 0;
    walk->least_limit = pg::kMaxBits;
    walk->started = false;
}

static void open_leaf(SegmentWalk *walk, const TierView &view, uint32 place, int limit) {
    walk->open = true;
    walk->leaves = view.leaves;
    walk->leaf = view.first_leaf + place;
    walk->segment = view.leaves->first_segment[place];
    walk->segment_end = view.leaves->first_segment[place + 1];
    walk->floor = walk->bounds[walk->leaf];
    walk->limit = limit;
    walk->next_bound = kNever;
}

static void close_leaf(SegmentWalk *walk) {
    walk->bounds[walk->leaf] = static_cast<int16>(walk->next_bound);
    walk->open = false;
}

static bool open_first_leaf(SegmentWalk *walk) {
    while (walk->next_first < walk->first_count) {
        uint32 leaf = walk->first[walk->next_first++];
        if (walk->bounds[leaf] == kNever) continue;
        const TierView &view = tier_of_leaf(*walk->directory, leaf);
        open_leaf(walk, view, leaf - view.first_leaf, pg::kMaxBits);
        return true;
    }
    return false;
}

// Opens the next leaf bound to the limit or less.
static bool open_next_leaf(SegmentWalk *walk, int limit) {
    if (open_first_leaf(walk)) return true;
    if (walk->only_first) return false;
    walk->least_limit = Min(walk->least_limit, limit);
    for (; walk->tier < walk->directory->tiers_count; walk->tier++, walk->place = 0) {
        const TierView &view = walk->directory->tiers[walk->tier];
        const int16 *bounds = walk->bounds + view.first_leaf;
        const uint32 count = view.leaves->leaves;
        if (walk->place < count && bounds[walk->place] > limit)
            walk->place +=
                hamming::first_within(bounds + walk->place, count - walk->place, static_cast<int16>(limit));
        if (walk->place >= count) continue;
        open_leaf(walk, view, walk->place++, limit);
        return true;
    }
    return false;
}

// The bound of the segment; kNever where the walk does not want it.
static int bound_of(const SegmentWalk &walk, const Segment &segment) {
    if (walk.distances == nullptr) return 0;
    const int distance = walk.distances[walk.leaf];
    if (distance + segment.rmax <= walk.done_through) return kNever;
    int bound = Max(lower_bound(distance, segment.rmin, segment.rmax), walk.done_through + 1);
    return bound < walk.floor ? kNever : bound;
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
static bool add_segments(SegmentWalk *walk, PageRuns *page) {
    for (; walk->segment < walk->segment_end; walk->segment++) {
        const Segment &segment = segment_at(walk->directory->index, walk->leaves, walk->segment);
        const int bound = bound_of(*walk, segment);
        if (bound > walk->limit) {
            walk->next_bound = Min(walk->next_bound, bound);
            continue;
        }
        if (!fits(*page, segment)) return false;
        add_segment(page, segment, bound);
    }
    return true;
}

static void find_page(SegmentWalk *walk, int limit, PageRuns *page) {
    page->count = page->segments = 0;
    page->whole = walk->next_pending < walk->meta->pending_count;
    if (page->whole) {
        page->page = walk->meta->pending[walk->next_pending++];
        page->segments = 1;
        return;
    }
    while (walk->open || open_next_leaf(walk, limit)) {
        if (!add_segments(walk, page)) return;
        close_leaf(walk);
    }
}

static void prefetch_page(const SegmentWalk &walk, const PageRuns &page) {
    const char *memory = page.segments > 0 ? prefetch_ref(walk.directory->index, page.page) : nullptr;
    if (memory == nullptr) return;
    const int code_size = walk.meta->words() * static_cast<int>(sizeof(uint64));
    for (int r = 0; r < page.count; r++)
        for (int at = page.runs[r].start / hamming::kBlock * hamming::kBlock * code_size;
             at < page.runs[r].stop * code_size; at += kCacheLine)
            __builtin_prefetch(memory + kCodesOffset + at);
}

const PageRuns *walk_on(SegmentWalk *walk, int limit) {
    if (!walk->started) {
        find_page(walk, limit, &walk->pages[walk->given ^ 1]);
        walk->started = true;
    }
    walk->given ^= 1;
    const PageRuns *page = &walk->pages[walk->given];
    if (page->segments == 0) return nullptr;
    PageRuns *next = &walk->pages[walk->given ^ 1];
    find_page(walk, limit, next);
    prefetch_page(*walk, *next);
    return page;
}

}  // namespace imagehash::index
