// Small tools of clustering: members of groups, majority codes, an order in which near codes are neighbors.
//
// Plain C++: must not include PostgreSQL, OpenCV or LibTorch. May throw std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "hamming/codes.h"
#include "hamming/random.h"
#include "hamming/stop.h"

namespace imagehash::hamming {

// Members of groups 0, 1, …: members[start[g]] up to members[start[g + 1]].
struct Groups {
    std::vector<uint32_t> start;
    std::vector<uint32_t> members;

    size_t count() const { return start.size() - 1; }
    size_t size(size_t group) const { return start[group + 1] - start[group]; }
    const uint32_t *of(size_t group) const { return members.data() + start[group]; }
};

// Sorts items by group, keeping their order within one. group_of[i] < groups.
Groups sort_into_groups(const std::vector<uint32_t> &group_of, size_t groups);

// Replaces `centroid` by the majority of each bit among the members; where they are even, a bit stays. Of
// very many members some thousand are asked.
void move_to_majority(Rows rows, const uint32_t *members, size_t count, uint64_t *centroid);

// Puts members[] into an order in which each is followed by the nearest one left. Work grows with the square.
void chain(Rows rows, uint32_t *members, size_t count);

// Groups rows around `leaders` leaders (row-major, appended to *leaders). Groups come in an order in which
// near ones are neighbors; none is empty.
Groups group_by_leaders(Rows rows, size_t wanted, Random *random, StopMemory *stop,
                        std::vector<uint64_t> *leaders);

}  // namespace imagehash::hamming
