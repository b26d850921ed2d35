// Clusterings held to their contract: every code has a leaf and its true radius, whatever the codes.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "hamming/clustering.h"
#include "hamming/distance.h"
#include "hamming/leaf_finder.h"

namespace imagehash::hamming {
namespace {

int distance_of(const uint64_t *a, const uint64_t *b, int words) {
    return distance(reinterpret_cast<const uint8_t *>(a), reinterpret_cast<const uint8_t *>(b), words * 8);
}

struct Codes {
    int words;
    std::vector<uint64_t> data;

    size_t count() const { return data.size() / words; }
    const uint64_t *operator[](size_t i) const { return data.data() + i * words; }
};

Codes uniform_codes(size_t count, int words, uint64_t seed) {
    std::mt19937_64 random(seed);
    Codes codes{words, std::vector<uint64_t>(count * words)};
    for (uint64_t &word : codes.data) word = random();
    return codes;
}

// Around `centers` codes, each bit flipped with probability 1/16.
Codes clustered_codes(size_t count, int words, size_t centers, uint64_t seed) {
    std::mt19937_64 random(seed);
    const Codes center = uniform_codes(centers, words, seed + 1);
    Codes codes{words, std::vector<uint64_t>(count * words)};
    for (size_t i = 0; i < count; i++) {
        const uint64_t *c = center[random() % centers];
        for (int w = 0; w < words; w++)
            codes.data[i * words + w] = c[w] ^ (random() & random() & random() & random());
    }
    return codes;
}

// Wants leaves of 50 codes; `of_total` codes stand behind each one of the sample.
ClusteringOptions options_for(const Codes &sample, uint64_t of_total = 1) {
    return {sample.words, sample.words * 64, sample.count() * of_total, 50, 100, 7};
}

std::unique_ptr<Clustering> cluster(const Codes &sample, uint64_t of_total = 1) {
    return cluster(sample.data.data(), sample.count(), options_for(sample, of_total), nullptr);
}

void expect_contract(const Clustering &clustering, const Codes &codes) {
    ASSERT_GE(clustering.leaves(), 1u);
    ASSERT_LT(clustering.tight_leaves(), clustering.leaves());
    std::vector<Assignment> assignments(codes.count());
    clustering.assign(codes.data.data(), codes.count(), assignments.data());
    for (size_t i = 0; i < codes.count(); i++) {
        const Assignment &a = assignments[i];
        ASSERT_LT(a.leaf, clustering.leaves());
        ASSERT_EQ(a.radius, distance_of(codes[i], clustering.centroid(a.leaf), codes.words));
        if (a.leaf < clustering.tight_leaves()) {
            ASSERT_LE(a.radius, clustering.radius_limit());
        }
    }
}

class EveryLength : public testing::TestWithParam<int> {};

TEST_P(EveryLength, EveryCodeGetsALeafAndItsTrueRadius) {
    const int words = GetParam();
    const Codes clustered = clustered_codes(4000, words, 60, words);
    const auto clustering = cluster(clustered);
    EXPECT_GT(clustering->tight_leaves(), 10u);
    expect_contract(*clustering, clustered);
    expect_contract(*clustering, uniform_codes(500, words, 3));  // unlike anything in the sample
    const Codes uniform = uniform_codes(4000, words, 5);
    expect_contract(*cluster(uniform), uniform);
}

INSTANTIATE_TEST_SUITE_P(Words, EveryLength, testing::Range(1, 17));

TEST(Clustering, SearchesManyLeavesInTwoLevels) {
    const Codes codes = clustered_codes(100000, 1, 1500, 1);
    const auto clustering = cluster(codes);
    EXPECT_GT(clustering->tight_leaves(), 1000u);
    expect_contract(*clustering, codes);

    // Not always the nearest leaf, but nearly: compare radii with those of an exhaustive search.
    std::vector<Assignment> found(500);
    clustering->assign(codes.data.data(), found.size(), found.data());
    int radii = 0, least_radii = 0;
    for (size_t i = 0; i < found.size(); i++) {
        int least = 64;
        for (size_t leaf = 0; leaf < clustering->leaves(); leaf++)
            least = std::min(least, distance_of(codes[i], clustering->centroid(leaf), 1));
        radii += found[i].radius;
        least_radii += least;
    }
    EXPECT_LT(radii, least_radii * 5 / 4);
}

TEST(Clustering, NearLeavesAreNeighbors) {
    const auto clustering = cluster(clustered_codes(50000, 2, 200, 2));
    const size_t tight = clustering->tight_leaves();
    ASSERT_GT(tight, 200u);
    std::mt19937_64 random(1);
    uint64_t next = 0, any = 0;
    for (size_t leaf = 0; leaf + 1 < tight; leaf++) {
        next += distance_of(clustering->centroid(leaf), clustering->centroid(leaf + 1), 2);
        any += distance_of(clustering->centroid(leaf), clustering->centroid(random() % tight), 2);
    }
    EXPECT_LT(next, any * 3 / 4);
}

TEST(Clustering, Duplicates) {
    Codes few{2, {}};  // 3 different codes, by the thousand
    const Codes different = uniform_codes(3, 2, 9);
    for (size_t i = 0; i < 9000; i++) few.data.insert(few.data.end(), different[i % 3], different[i % 3] + 2);
    auto clustering = cluster(few);
    expect_contract(*clustering, few);
    EXPECT_LE(clustering->leaves(), 6u);

    const Codes same{1, std::vector<uint64_t>(20000, 0x123456789abcdef0)};
    clustering = cluster(same);
    expect_contract(*clustering, same);
    Assignment assignment;
    clustering->assign(same[0], 1, &assignment);
    EXPECT_EQ(assignment.radius, 0);

    Codes half = clustered_codes(5000, 1, 50, 4);  // among others
    half.data.resize(10000, 42);
    expect_contract(*cluster(half), half);
}

TEST(Clustering, FewCodes) {
    for (size_t count : {0, 1, 2, 3, 7, 8, 9, 100}) {
        const Codes sample = uniform_codes(count, 4, count);
        for (uint64_t of_total : {1, 1000}) {
            const auto clustering = cluster(sample, of_total);
            expect_contract(*clustering, sample);
            expect_contract(*clustering, uniform_codes(50, 4, 77));
        }
    }
}

TEST(Clustering, SampleStandsForAll) {
    const Codes codes = clustered_codes(40000, 1, 100, 6);
    const Codes sample{1, std::vector<uint64_t>(codes.data.begin(), codes.data.begin() + 10000)};
    const auto clustering = cluster(sample, 4);
    expect_contract(*clustering, codes);
    EXPECT_GT(clustering->leaves(), codes.count() / 50 / 4);
    EXPECT_LT(clustering->leaves(), codes.count() / 50 * 3);
}

TEST(Clustering, SameSeedSameLeaves) {
    const Codes codes = clustered_codes(60000, 2, 900, 8);
    const auto a = cluster(codes), b = cluster(codes);
    ASSERT_EQ(a->leaves(), b->leaves());
    ASSERT_EQ(a->tight_leaves(), b->tight_leaves());
    for (size_t leaf = 0; leaf < a->leaves(); leaf++)
        ASSERT_EQ(distance_of(a->centroid(leaf), b->centroid(leaf), 2), 0);
    std::vector<Assignment> of_a(codes.count()), of_b(codes.count());
    a->assign(codes.data.data(), codes.count(), of_a.data());
    b->assign(codes.data.data(), codes.count(), of_b.data());
    for (size_t i = 0; i < codes.count(); i++) ASSERT_EQ(of_a[i].leaf, of_b[i].leaf);
}

TEST(Clustering, AssignsAlikeElsewhere) {
    for (const Codes &codes : {clustered_codes(60000, 2, 900, 8), uniform_codes(5000, 4, 3), Codes{1, {}}}) {
        const auto clustering = cluster(codes);
        std::vector<char> bytes(clustering->packed_size());
        clustering->pack(bytes.data());
        const auto copy = Clustering::unpack(bytes.data());
        ASSERT_EQ(copy->leaves(), clustering->leaves());
        EXPECT_EQ(copy->tight_leaves(), clustering->tight_leaves());
        EXPECT_EQ(copy->radius_limit(), clustering->radius_limit());
        const Codes strangers = uniform_codes(3000, codes.words, 4);
        std::vector<Assignment> a(3000), b(3000);
        clustering->assign(strangers.data.data(), a.size(), a.data());
        copy->assign(strangers.data.data(), b.size(), b.data());
        for (size_t i = 0; i < a.size(); i++) {
            ASSERT_EQ(a[i].leaf, b[i].leaf);
            ASSERT_EQ(a[i].radius, b[i].radius);
        }
    }
}

// A stop flag that says yes at its n-th question.
int stop_limit, stop_asked;

bool stop_at_limit() {
    return ++stop_asked >= stop_limit;
}

StopFlag stop_at(int limit) {
    stop_limit = limit;
    stop_asked = 0;
    return stop_at_limit;
}

TEST(Clustering, StopsAnywhere) {
    const Codes codes = clustered_codes(60000, 1, 900, 10);
    ASSERT_NE(cluster(codes.data.data(), codes.count(), options_for(codes), stop_at(INT32_MAX)), nullptr);
    const int questions = stop_asked;
    EXPECT_GT(questions, 100);
    for (int limit = 1; limit <= questions; limit += 1 + questions / 40) {
        EXPECT_EQ(cluster(codes.data.data(), codes.count(), options_for(codes), stop_at(limit)), nullptr);
        EXPECT_EQ(stop_asked, limit) << "asked again after it had said yes";
    }
}

std::unique_ptr<LeafFinder> finder_for(const Clustering &clustering, size_t tight_leaves) {
    return LeafFinder::make({clustering.centroid(0), clustering.leaves(), clustering.words()}, tight_leaves,
                            clustering.radius_limit(), nullptr);
}

TEST(LeafFinder, FindsLeavesByTheRuleOfTheClustering) {
    const Codes codes = clustered_codes(100000, 1, 1500, 11);
    const auto clustering = cluster(codes);
    const auto finder = finder_for(*clustering, clustering->tight_leaves());
    ASSERT_GT(clustering->tight_leaves(), 768u) << "too few for two levels";
    size_t same_kind = 0;
    std::vector<Assignment> assigned(codes.count());
    clustering->assign(codes.data.data(), codes.count(), assigned.data());
    for (size_t i = 0; i < codes.count(); i++) {
        const Assignment found = finder->find(codes[i]);
        ASSERT_LT(found.leaf, clustering->leaves());
        ASSERT_EQ(found.radius, distance_of(codes[i], clustering->centroid(found.leaf), 1));
        const bool tight = found.leaf < clustering->tight_leaves();
        if (tight) {
            ASSERT_LE(found.radius, clustering->radius_limit());
        }
        same_kind += tight == (assigned[i].leaf < clustering->tight_leaves());
    }
    EXPECT_GT(same_kind, codes.count() * 9 / 10) << "with many leaves the nearest is sometimes missed";
}

TEST(LeafFinder, LeavesOfOneKind) {
    const Codes codes = clustered_codes(4000, 2, 60, 12);
    const auto clustering = cluster(codes);
    for (size_t tight_leaves : {size_t{0}, clustering->leaves(), clustering->leaves() + 5}) {
        const auto finder = finder_for(*clustering, tight_leaves);
        for (size_t i = 0; i < codes.count(); i++) {
            const Assignment found = finder->find(codes[i]);
            ASSERT_LT(found.leaf, clustering->leaves());
            ASSERT_EQ(found.radius, distance_of(codes[i], clustering->centroid(found.leaf), 2));
        }
    }
}

TEST(LeafFinder, Stops) {
    const Codes codes = uniform_codes(5000, 1, 13);
    EXPECT_EQ(LeafFinder::make({codes[0], codes.count(), 1}, 5000, 64, stop_at(1)), nullptr);
}

}  // namespace
}  // namespace imagehash::hamming
