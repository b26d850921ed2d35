// The way through a directory's leaves, page by page, in the order in which their codes lie, so that a page
// is met once however many leaves it has codes of.
//
// Each leaf has a bound below which nothing in it is left to read. A walk opens the leaves bound to a limit
// or less, gives their groups bound to it, and raises the leaf's bound to that of the nearest group it has
// left out. So a further walk with a higher limit goes on where this one ended, leaf by leaf, and no list of
// groups is kept: with the leaf's radii in order, those bound to a limit follow each other. The limit may
// change on the way: it is that of a leaf when the leaf is opened.
#pragma once

#include "index/store/directory.h"

namespace imagehash::index {

// A bound that no distance reaches.
constexpr int16 kNever = INT16_MAX;

// Codes of a leaf that follow each other on a page.
struct Run {
    uint16 start;  // the first of a group
    uint16 stop;
    uint16 bound;  // no code in it is nearer to the query
    uint32 tid;    // number of the first one's TID in the tier
};

// What is to be read of one page.
struct PageRuns {
    static constexpr int kMost = 64;  // a page with more comes again

    PageRef page;
    bool whole;  // all of a pending page
    int tier;    // else the tier it is of
    int count;
    Run runs[kMost];
};

class LeafWalk {
 public:
    static constexpr uint32 kMostFirst = 16;

    // Starts the first walk through `directory`, and through the pending pages of `meta`, which come first
    // and once. `distances` are those of the leaves' centroids to the query; null: groups have no bounds.
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
    // Groups of the open leaf.
    struct Groups {
        uint32 next, end;
    };

    void open_leaf(int tier, uint32 place, int limit);
    Groups groups_within(int limit) const;
    void choose_groups(int limit);
    bool open_first_leaf();
    bool open_next_leaf(int limit);
    int rmax_of(uint32 group) const;
    void add_run(uint32 first, uint32 count, uint32 place_on_page);
    bool add_groups(Groups *groups);

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
    int open_tier_;
    const TierDirectory *leaves_;
    uint32 leaf_;  // in its tier
    uint32 groups_;
    const int16 *radii_;  // null where its groups have no bounds
    int distance_;
    Groups wanted_[2];  // those nearer to the centroid than what earlier walks gave, and those farther

    PageRuns page_;  // that is given
};

}  // namespace imagehash::index
