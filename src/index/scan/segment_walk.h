// The way through a directory's segments, page by page, in the order of its leaves: which is that of its
// pages, so that a page is met once however many segments of it are wanted.
//
// Each leaf has a bound below which nothing in it is left to read. A walk opens the leaves bound to a limit
// or less, gives their segments bound to it, and raises the leaf's bound to that of the nearest segment it
// has left out. So a further walk with a higher limit goes on where this one ended, leaf by leaf, and no list
// of segments is kept. The limit may change on the way: it is that of a leaf when the leaf is opened.
#pragma once

#include "index/store/directory.h"

namespace imagehash::index {

// A bound that no distance reaches.
constexpr int16 kNever = INT16_MAX;

// Entries of a page that follow each other.
struct Run {
    uint16 start;
    uint16 stop;
    uint16 bound;  // no code in it is nearer to the query
};

// What is to be read of one page.
struct PageRuns {
    static constexpr int kMost = 64;  // a page with more comes again

    PageRef page;
    bool whole;  // all of a pending page
    int count;
    int segments;
    Run runs[kMost];
};

class SegmentWalk {
 public:
    static constexpr uint32 kMostFirst = 8;

    // Starts the first walk through `directory`, and through the pending pages of `meta`, which come first
    // and once. `distances` are those of the leaves' centroids to the query; null: segments have no bounds.
    // `bounds` are those of the leaves, which the walks raise: kNever where nothing in a leaf is wanted, or
    // all is read. Distances up to `done_through` are not wanted; -1: all are.
    void begin(const Directory *directory, const Meta *meta, const uint16 *distances, int16 *bounds,
               int done_through);

    // Makes the first walk one through the pending pages and these leaves, in their order, with all that they
    // have; it ends after them. At most kMostFirst leaves, perhaps none.
    void give_only(const uint32 *leaves, uint32 count);

    // Starts another walk, through all leaves.
    void restart();

    // The next page with what leaves bound to the limit or less have; null at the end of the walk.
    const PageRuns *next_page(int limit);

    // Whether the walk is one of give_only(), which says nothing about what other leaves have.
    bool gives_only_some() const { return only_first_; }

    // After the end of a walk through all leaves: everything bound to this or less has been given.
    int given_through() const { return least_limit_; }

 private:
    void open_leaf(const TierView &view, uint32 place, int limit);
    void close_leaf();
    bool open_first_leaf();
    bool open_next_leaf(int limit);
    int bound_of(const Segment &segment) const;
    bool add_segments(PageRuns *page);
    void find_page(int limit, PageRuns *page);
    void prefetch_page(const PageRuns &page) const;

    const Directory *directory_;
    const Meta *meta_;
    const uint16 *distances_;
    int16 *bounds_;
    int done_through_;

    uint32 first_[kMostFirst];  // leaves that come before all others
    uint32 first_count_, next_first_;
    bool only_first_;

    uint32 next_pending_;
    int tier_;
    uint32 place_;  // of the next leaf, in the tier
    int least_limit_;

    // The leaf that is open.
    bool open_;
    TierDirectory *leaves_;
    uint32 leaf_;
    uint32 segment_, segment_end_;
    int floor_;  // segments below it are read
    int limit_;
    int next_bound_;

    PageRuns pages_[2];  // the one that is given, and the next one, which the processor fetches meanwhile
    int given_;
    bool started_;
};

}  // namespace imagehash::index
