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

struct SegmentWalk {
    // Set by begin_walk().
    const Directory *directory;
    const Meta *meta;         // whose pending pages come first
    const uint16 *distances;  // of the leaves' centroids to the query; null: segments have no bounds
    int16 *bounds;            // of the leaves; kNever: nothing in it is wanted, or all is read
    int done_through;         // distances up to this one are not wanted; -1: all are

    // Set by the caller where it wants it: leaves that come before all others, in their order, with all that
    // they have.
    static constexpr uint32 kMostFirst = 8;
    uint32 first[kMostFirst];
    uint32 first_count, next_first;
    bool only_first;  // ... and then the walk ends

    uint32 next_pending;
    int tier;
    uint32 place;  // of the next leaf, in the tier
    int least_limit;

    // The leaf that is open.
    bool open;
    TierDirectory *leaves;
    uint32 leaf;
    uint32 segment, segment_end;
    int floor;  // segments below it are read
    int limit;
    int next_bound;

    PageRuns pages[2];  // the one that is given, and the next one, which the processor fetches meanwhile
    int given;
    bool started;
};

// A walk with what its first five fields say.
void begin_walk(SegmentWalk *walk, const Directory *directory, const Meta *meta, const uint16 *distances,
                int16 *bounds, int done_through);

// Begins at the first leaf again. Pending pages do not come again.
void restart_walk(SegmentWalk *walk);

// The next page, null at the end. After it, everything bound to walk->least_limit or less has been given.
const PageRuns *walk_on(SegmentWalk *walk, int limit);

}  // namespace imagehash::index
