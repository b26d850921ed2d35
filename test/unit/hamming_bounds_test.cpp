// Bounds of many leaves at once, against the formula for one.
#include "hamming/bounds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

namespace imagehash::hamming {
namespace {

constexpr int16_t kNever = INT16_MAX;

struct Leaves {
    std::vector<uint16_t> distances;
    std::vector<int16_t> rmin, rmax;

    explicit Leaves(size_t count) : distances(count), rmin(count), rmax(count) {
        std::mt19937 random(static_cast<unsigned>(count));
        for (size_t i = 0; i < count; i++) {
            distances[i] = static_cast<uint16_t>(random() % 1025);
            rmin[i] = static_cast<int16_t>(random() % 1025);
            rmax[i] = static_cast<int16_t>(rmin[i] + static_cast<int>(random() % (1025u - rmin[i])));
        }
    }
    int bound(size_t i) const { return std::max({distances[i] - rmax[i], rmin[i] - distances[i], 0}); }
};

TEST(Bounds, AreThoseOfTheTriangleInequality) {
    for (size_t count : {0, 1, 7, 8, 63, 64, 65, 1000}) {
        const Leaves leaves(count);
        for (int least : {0, 1, 100, 1024}) {
            std::vector<int16_t> bounds(count);
            bound_leaves(leaves.distances.data(), leaves.rmin.data(), leaves.rmax.data(), count,
                         static_cast<int16_t>(least), kNever, bounds.data());
            for (size_t i = 0; i < count; i++)
                EXPECT_EQ(bounds[i], leaves.distances[i] + leaves.rmax[i] < least
                                         ? kNever
                                         : std::max(leaves.bound(i), least));
        }
    }
}

TEST(Bounds, RuleOutWhatIsBeyondTheRadius) {
    const Leaves leaves(1000);
    for (int radius : {0, 10, 500, 1024, 2000000}) {
        std::vector<int16_t> bounds(1000, 0);
        rule_out(leaves.distances.data(), leaves.rmin.data(), leaves.rmax.data(), 1000, radius, kNever,
                 bounds.data());
        for (size_t i = 0; i < 1000; i++) EXPECT_EQ(bounds[i], leaves.bound(i) > radius ? kNever : 0);
    }
}

TEST(Bounds, FirstWithin) {
    for (size_t count : {0, 1, 63, 64, 65, 200, 40000}) {
        const Leaves leaves(count);
        for (int16_t limit : {0, 3, 500, 1024}) {
            const auto within = [limit](int16_t bound) { return bound <= limit; };
            const auto found = std::find_if(leaves.rmin.begin(), leaves.rmin.end(), within);
            EXPECT_EQ(first_within(leaves.rmin.data(), count, limit),
                      static_cast<size_t>(found - leaves.rmin.begin()));
        }
    }
}

TEST(Bounds, FindLeast) {
    for (size_t count : {0, 1, 7, 63, 64, 65, 200, 40000}) {
        const Leaves leaves(count);
        std::vector<uint32_t> order(count);
        std::iota(order.begin(), order.end(), 0u);
        std::sort(order.begin(), order.end(), [&leaves](uint32_t a, uint32_t b) {
            return std::pair(leaves.distances[a], a) < std::pair(leaves.distances[b], b);
        });
        for (size_t wanted : {size_t{1}, size_t{8}, kMostWanted}) {
            std::vector<uint32_t> places(wanted);
            places.resize(find_least(leaves.distances.data(), count, wanted, places.data()));
            std::vector<uint32_t> expected(order.begin(), order.begin() + std::min(wanted, count));
            std::sort(expected.begin(), expected.end());
            EXPECT_EQ(places, expected);
        }
    }
}

}  // namespace
}  // namespace imagehash::hamming
