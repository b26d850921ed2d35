// Majorities are counted in bit planes, nearest codes found by the kernels.
#include "hamming/grouping.h"

#include <numeric>

namespace imagehash::hamming {

Groups sort_into_groups(const std::vector<uint32_t> &group_of, size_t groups) {
    Groups result;
    result.start.assign(groups + 1, 0);
    for (uint32_t group : group_of) result.start[group + 1]++;
    std::partial_sum(result.start.begin(), result.start.end(), result.start.begin());
    std::vector<uint32_t> next(result.start.begin(), result.start.end() - 1);
    result.members.resize(group_of.size());
    for (size_t i = 0; i < group_of.size(); i++)
        result.members[next[group_of[i]]++] = static_cast<uint32_t>(i);
    return result;
}

namespace {

// 64 counters side by side: bit b of plane p is bit p of counter b. Counting a word costs a few operations
// instead of 64.
class BitCounters {
 public:
    void add(uint64_t word) {
        for (int p = 0; word != 0; p++) {
            const uint64_t carry = planes_[p] & word;
            planes_[p] ^= word;
            word = carry;
        }
    }

    // Bits whose counter exceeds `limit`, and those that equal it.
    void compare(uint64_t limit, uint64_t *above, uint64_t *equal) const {
        *above = 0;
        *equal = ~uint64_t{0};
        for (int p = kPlanes - 1; p >= 0; p--) {
            if (limit >> p & 1) {
                *equal &= planes_[p];
            } else {
                *above |= *equal & planes_[p];
                *equal &= ~planes_[p];
            }
        }
    }

 private:
    static constexpr int kPlanes = 33;  // any 32-bit count
    uint64_t planes_[kPlanes] = {};
};

}  // namespace

void move_to_majority(Rows rows, const uint32_t *members, size_t count, uint64_t *centroid) {
    constexpr size_t kEnough = 4096;
    const size_t step = std::max<size_t>(1, count / kEnough);
    const size_t asked = (count + step - 1) / step;
    for (int k = 0; k < rows.words; k++) {
        BitCounters counters;
        for (size_t i = 0; i < count; i += step) counters.add(rows[members[i]][k]);
        uint64_t above, equal;
        counters.compare(asked / 2, &above, &equal);
        centroid[k] = asked % 2 == 0 ? above | (equal & centroid[k]) : above;
    }
}

void chain(Rows rows, uint32_t *members, size_t count) {
    BlockedCodes codes(rows.words);
    codes.append(rows, members, count);
    std::vector<uint16_t> distances(codes.blocks() * kBlock);
    std::vector<uint32_t> left(members, members + count), place(count);
    std::iota(place.begin(), place.end(), 0);
    for (size_t done = 0, current = 0; done < count; done++) {
        members[done] = left[current];
        const uint64_t *code = rows[left[current]];
        left[current] = left.back();
        left.pop_back();
        place[current] = place.back();
        place.pop_back();
        best_kernel().distances(codes.block(0), count, rows.words, code, distances.data());
        current = 0;
        for (size_t i = 1; i < left.size(); i++)
            if (distances[place[i]] < distances[place[current]]) current = i;
    }
}

namespace {

std::vector<uint32_t> nearest_leaders(Rows rows, Rows leaders, StopMemory *stop) {
    BlockedCodes blocked(rows.words);
    blocked.append(leaders);
    const size_t look = codes_between_looks(rows.words);
    std::vector<uint32_t> nearest(rows.count, 0);
    for (size_t i = 0; i < rows.count; i++) {
        if (i % look == 0 && stop->asked()) break;
        int64_t best[kBlock];
        std::fill_n(best, kBlock, kNoCode);
        best_kernel().nearest(blocked.block(0), blocked.blocks(), rows.words, rows[i], 0, best);
        const auto position = static_cast<uint32_t>(*std::min_element(best, best + kBlock));
        nearest[i] = std::min(position, static_cast<uint32_t>(leaders.count - 1));
    }
    return nearest;
}

// Drops empty groups and puts the others into the order of their leaders' chain.
Groups order_groups(const Groups &groups, std::vector<uint64_t> *leaders, int words) {
    std::vector<uint32_t> order;
    for (size_t g = 0; g < groups.count(); g++)
        if (groups.size(g) > 0) order.push_back(static_cast<uint32_t>(g));
    chain(rows_of(*leaders, words), order.data(), order.size());
    Groups ordered;
    std::vector<uint64_t> ordered_leaders;
    ordered.start.push_back(0);
    for (uint32_t g : order) {
        ordered.members.insert(ordered.members.end(), groups.of(g), groups.of(g) + groups.size(g));
        ordered.start.push_back(static_cast<uint32_t>(ordered.members.size()));
        append_code(&ordered_leaders, rows_of(*leaders, words)[g], words);
    }
    leaders->swap(ordered_leaders);
    return ordered;
}

}  // namespace

Groups group_by_leaders(Rows rows, size_t wanted, Random *random, StopMemory *stop,
                        std::vector<uint64_t> *leaders) {
    constexpr int kRounds = 3;
    leaders->clear();
    for (size_t i = 0; i < wanted; i++) append_code(leaders, rows[random->below(rows.count)], rows.words);
    Groups groups;
    for (int round = 0; round < kRounds; round++) {
        groups = sort_into_groups(nearest_leaders(rows, rows_of(*leaders, rows.words), stop), wanted);
        if (round == kRounds - 1 || stop->stopped()) break;
        for (size_t g = 0; g < wanted; g++)
            if (groups.size(g) > 2)
                move_to_majority(rows, groups.of(g), groups.size(g), leaders->data() + g * rows.words);
    }
    return order_groups(groups, leaders, rows.words);
}

}  // namespace imagehash::hamming
