// What a walk wants of a leaf are at most two ranges of its groups: those between what it has given and the
// limit, on the side of the centroid and on the other.
#include "index/scan/leaf_walk.h"

#include "hamming/bounds.h"

namespace imagehash::index {

void LeafWalk::begin(const Directory *directory, const Meta *meta, const uint16 *distances, int16 *bounds,
                     int done_through) {
    memset(this, 0, sizeof *this);
    directory_ = directory;
    meta_ = meta;
    distances_ = distances;
    bounds_ = bounds;
    done_through_ = done_through;
    restart();
}

void LeafWalk::give_only(const uint32 *leaves, uint32 count) {
    Assert(count <= kMostFirst);
    memcpy(first_, leaves, sizeof(uint32) * count);
    first_count_ = count;
    only_first_ = true;
}

void LeafWalk::restart() {
    tier_ = 0;
    place_ = 0;
    least_limit_ = pg::kMaxBits;
}

// --- one leaf -------------------------------------------------------------------------------------

// How many of the numbers, which ascend, are `limit` or less. Without a branch that depends on them.
static uint32 count_through(const int16 *numbers, uint32 count, int limit) {
    uint32 found = 0;
    while (count > 1) {
        const uint32 half = count / 2;
        found += numbers[found + half - 1] <= limit ? half : 0;
        count -= half;
    }
    return found + (count == 1 && numbers[found] <= limit ? 1 : 0);
}

// The groups that can have codes up to the limit, but not those all of whose codes are served: since the
// radii ascend, they follow each other.
LeafWalk::Groups LeafWalk::groups_within(int limit) const {
    const int nearest = Max(distance_ - limit, done_through_ + 1 - distance_);
    const int farthest = distance_ + limit;
    const int rmin = leaves_->rmin[leaf_], rmax = leaves_->rmax[leaf_];
    if (rmax < nearest || rmin > farthest) return {0, 0};
    // By rmax_of(): the next group's least radius stands for a group's greatest.
    return {rmin >= nearest ? 0 : count_through(radii_ + 1, groups_ - 1, nearest - 1),
            rmax <= farthest ? groups_ : count_through(radii_, groups_, farthest)};
}

int LeafWalk::rmax_of(uint32 group) const {
    return rmax_of_group(radii_, groups_, group, leaves_->rmax[leaf_]);
}

// Those bound to the limit that no walk has given, and the bound of what is left.
void LeafWalk::choose_groups(int limit) {
    int16 *bound = &bounds_[directory_->tiers[open_tier_].first_leaf + leaf_];
    const int before = *bound;
    *bound = kNever;
    wanted_[1] = {0, 0};
    if (radii_ == nullptr || groups_ == 0 || limit == kNever) {
        wanted_[0] = {0, groups_};
        return;
    }
    const Groups within = groups_within(limit);
    wanted_[0] = within;
    if (before > done_through_ + 1) {
        const Groups given = groups_within(before - 1);
        if (given.next < given.end) {
            wanted_[0].end = given.next;
            wanted_[1] = {given.end, within.end};
        }
    }
    int left = kNever;
    if (within.next > 0 && distance_ + rmax_of(within.next - 1) > done_through_)
        left = distance_ - rmax_of(within.next - 1);
    if (within.end < groups_) left = Min(left, radii_[within.end] - distance_);
    *bound = static_cast<int16>(left);
}

void LeafWalk::open_leaf(int tier, uint32 place, int limit) {
    const TierView &view = directory_->tiers[tier];
    open_ = true;
    open_tier_ = tier;
    leaves_ = view.leaves;
    leaf_ = place;
    groups_ = groups_of_leaf(*leaves_, place);
    const bool bounded = distances_ != nullptr && leaves_->radii != nullptr;
    radii_ = bounded ? leaves_->radii + leaves_->first_radius[place] : nullptr;
    distance_ = bounded ? distances_[view.first_leaf + place] : 0;
    choose_groups(limit);
}

bool LeafWalk::open_first_leaf() {
    while (next_first_ < first_count_) {
        uint32 leaf = first_[next_first_++];
        if (bounds_[leaf] == kNever) continue;
        const int tier = tier_of_leaf(*directory_, leaf);
        open_leaf(tier, leaf - directory_->tiers[tier].first_leaf, kNever);
        return true;
    }
    return false;
}

// Opens the next leaf bound to the limit or less.
bool LeafWalk::open_next_leaf(int limit) {
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
        open_leaf(tier_, place_++, limit);
        return true;
    }
    return false;
}

// --- pages ----------------------------------------------------------------------------------------

// `count` groups of the open leaf that lie together on the page.
void LeafWalk::add_run(uint32 first, uint32 count, uint32 place_on_page) {
    const uint32 entry = first * hamming::kBlock;
    const uint32 entries = Min(count * hamming::kBlock, leaves_->entries[leaf_] - entry);
    const uint32 start = place_on_page * hamming::kBlock;
    const int bound =
        radii_ == nullptr ? 0 : lower_bound(distance_, radii_[first], rmax_of(first + count - 1));
    page_.runs[page_.count++] = {static_cast<uint16>(start), static_cast<uint16>(start + entries),
                                 static_cast<uint16>(Max(bound, done_through_ + 1)),
                                 leaves_->first_tid[leaf_] + entry};
}

// Adds groups until the page ends; false then.
bool LeafWalk::add_groups(Groups *groups) {
    const auto per_page = static_cast<uint32>(groups_per_page(leaves_->words));
    while (groups->next < groups->end) {
        const uint32 group = leaves_->first_group[leaf_] + groups->next;
        const uint32 number = group / per_page, place = group - number * per_page;
        const PageRef ref = leaves_->code_pages[number];
        if (page_.count > 0 && (page_.page.block != ref.block || page_.count == PageRuns::kMost))
            return false;
        const uint32 count = Min(groups->end - groups->next, per_page - place);
        page_.page = ref;
        page_.tier = open_tier_;
        add_run(groups->next, count, place);
        groups->next += count;
    }
    return true;
}

const PageRuns *LeafWalk::next_page(int limit) {
    page_.count = 0;
    page_.whole = next_pending_ < meta_->pending_count;
    if (page_.whole) {
        page_.page = meta_->pending[next_pending_++];
        return &page_;
    }
    while (open_ || open_next_leaf(limit)) {
        if (!add_groups(&wanted_[0]) || !add_groups(&wanted_[1])) return &page_;
        open_ = false;
    }
    if (page_.count > 0) return &page_;
    only_first_ = false;
    return nullptr;
}

}  // namespace imagehash::index
