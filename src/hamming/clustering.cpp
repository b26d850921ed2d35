// Up to four rounds of tight leaves, each on what the last one left of the sample, then one of loose leaves;
// last, leaves get their numbers.
#include "hamming/clustering.h"

#include <algorithm>
#include <cmath>

#include "hamming/grouping.h"
#include "hamming/sample_statistics.h"
#include "hamming/training.h"

namespace imagehash::hamming {
namespace {

constexpr int kTightRounds = 4;
constexpr size_t kFewestLeaves = 8;    // of a round of tight leaves
constexpr size_t kEnoughAccepted = 3;  // a radius limit need not be wider if it takes one code in so many
constexpr size_t kFirstAccepted = 7;   // the first round must take one code in so many
constexpr size_t kLeastAccepted = 20;  // and the others one in so many
constexpr size_t kFewestSamples = 8;   // codes of the sample for a leaf
constexpr double kNarrowest = 1.5, kMiddle = 1.0, kWidest = 0.5;  // radius limits, in standard deviations
constexpr size_t kFewestLooseSamples = 4;                         // codes of the sample for a loose leaf
constexpr size_t kFewRejects = 100;      // one code in so many left: no more tight rounds
constexpr size_t kSampleOfLeaf = 64;     // codes to train a loose leaf with
constexpr size_t kOrderedTogether = 48;  // leaves of a group that is chained
constexpr size_t kLongestChain = 256;

// The number of leaves of `size` codes each.
size_t leaves_for(double codes, double size) {
    return static_cast<size_t>(codes / std::max(1.0, size));
}

// At most max_count rows, spread evenly.
std::vector<uint64_t> thin_out(Rows rows, size_t max_count) {
    const size_t count = std::min(rows.count, max_count);
    std::vector<uint64_t> thinned;
    thinned.reserve(count * rows.words);
    for (size_t i = 0; i < count; i++) append_code(&thinned, rows[i * rows.count / count], rows.words);
    return thinned;
}

// Centroids in an order in which near ones are neighbors.
std::vector<uint32_t> order_centroids(Rows centroids, Random *random, StopMemory *stop) {
    std::vector<uint64_t> leaders;
    Groups groups = group_by_leaders(centroids, std::max<size_t>(1, centroids.count / kOrderedTogether),
                                     random, stop, &leaders);
    for (size_t g = 0; g < groups.count(); g++)
        for (size_t i = groups.start[g]; i < groups.start[g + 1] && !stop->asked(); i += kLongestChain)
            chain(centroids, &groups.members[i], std::min(kLongestChain, groups.start[g + 1] - i));
    return groups.members;
}

}  // namespace

class ClusteringBuilder {
 public:
    ClusteringBuilder(Rows sample, const ClusteringOptions &options, StopMemory *stop)
        : sample_(sample), options_(options), random_(options.seed), stop_(stop) {
        scale_ = static_cast<double>(std::max<uint64_t>(options.total, sample.count)) /
                 static_cast<double>(sample.count);
    }

    std::unique_ptr<Clustering> build();

 private:
    int radius_limit_at(double deviations) const {
        return std::max(0, static_cast<int>(pairs_.mean - deviations * pairs_.deviation - neighbors_.tenth));
    }
    size_t leaves_of_round() const {
        return std::min(leaves_for(static_cast<double>(sample_.count) * scale_, options_.codes_per_leaf),
                        sample_.count / kFewestSamples);
    }
    bool may_accept_enough() const;
    bool choose_radius_limit(const std::vector<Nearest> &found);
    bool accepts(Nearest nearest) const { return nearest.distance <= static_cast<uint32_t>(radius_limit_); }
    size_t count_accepted(const std::vector<Nearest> &found) const {
        return static_cast<size_t>(
            std::count_if(found.begin(), found.end(), [this](Nearest nearest) { return accepts(nearest); }));
    }
    bool add_tight_round();
    void add_loose_round();
    void assemble(Clustering *clustering);

    Rows sample_;  // what is left of it: codes that no leaf took yet
    std::vector<uint64_t> rejects_;
    const ClusteringOptions &options_;
    Random random_;
    StopMemory *stop_;
    double scale_;  // codes that one of the sample stands for
    PairDistances pairs_ = {0, 0};
    NeighborDistances neighbors_;
    int radius_limit_ = 0;
    std::vector<std::vector<uint64_t>> rounds_;  // centroids
};

// A query at a random pair's distance D from a centroid passes the leaf by when D - radius exceeds what its
// tenth neighbor needs. Nearly every query shall, hence 1.5 standard deviations; but codes that spread wide
// are better off in leaves that most queries pass by than in loose ones, which hardly any does. The strictest
// limit is chosen that takes enough codes of the first round, or the widest. False if even that takes too
// few.
bool ClusteringBuilder::choose_radius_limit(const std::vector<Nearest> &found) {
    size_t accepted = 0;
    for (double deviations : {kNarrowest, kMiddle, kWidest}) {
        radius_limit_ = radius_limit_at(deviations);
        accepted = count_accepted(found);
        if (accepted >= found.size() / kEnoughAccepted) return true;
    }
    return accepted >= found.size() / kFirstAccepted;
}

// Whether the first round can take enough at the widest limit, before it is trained: codes that a leaf takes
// are within twice the limit of each other, so what has no neighbor there comes into a leaf of its own or
// into none. Too few codes that do have one, beyond doubt of the ones asked: uniform codes, or nearly.
bool ClusteringBuilder::may_accept_enough() const {
    const int reach = 2 * radius_limit_at(kWidest);
    const auto near = static_cast<double>(std::count_if(neighbors_.nearest.begin(), neighbors_.nearest.end(),
                                                        [reach](int distance) { return distance <= reach; }));
    const double share_near =
        (near + 2 * std::sqrt(near) + 4) / static_cast<double>(neighbors_.nearest.size());
    const double share_alone = static_cast<double>(leaves_of_round()) / static_cast<double>(sample_.count);
    return share_near + share_alone >= 1.0 / kFirstAccepted;
}

// Clusters what is left and takes what is within the radius limit. False if that was not worth it, or if
// nothing worth another round is left.
bool ClusteringBuilder::add_tight_round() {
    const int words = options_.words;
    const size_t wanted = leaves_of_round();
    if (wanted < kFewestLeaves) return false;
    const std::vector<uint64_t> centroids = train_centroids(sample_, wanted, &random_, stop_);
    const Rows rows = rows_of(centroids, words);
    const std::vector<Nearest> found = NearestCentroid(rows, &random_, stop_).find_all(sample_, stop_);
    if (stop_->stopped() || (rounds_.empty() && !choose_radius_limit(found))) return false;
    const size_t accepted = count_accepted(found), left = sample_.count - accepted;
    if (accepted < sample_.count / kLeastAccepted) return false;

    std::vector<bool> used(rows.count, false);
    std::vector<uint64_t> rejects;
    rejects.reserve(left * words);
    for (size_t i = 0; i < sample_.count; i++) {
        if (accepts(found[i]))
            used[found[i].centroid] = true;
        else
            append_code(&rejects, sample_[i], words);
    }
    std::vector<uint64_t> kept;
    for (size_t c = 0; c < rows.count; c++)
        if (used[c]) append_code(&kept, rows[c], words);
    rounds_.push_back(std::move(kept));
    rejects_ = std::move(rejects);
    sample_ = rows_of(rejects_, words);
    return static_cast<double>(left) * scale_ >= static_cast<double>(options_.total) / kFewRejects;
}

void ClusteringBuilder::add_loose_round() {
    if (sample_.count == 0) {  // a leaf for codes that the sample does not know
        rounds_.push_back(std::vector<uint64_t>(options_.words, 0));
        return;
    }
    const size_t wanted = std::max<size_t>(
        1, std::min(leaves_for(static_cast<double>(sample_.count) * scale_, options_.page_capacity),
                    sample_.count / kFewestLooseSamples));
    const std::vector<uint64_t> training = thin_out(sample_, wanted * kSampleOfLeaf);
    rounds_.push_back(train_centroids(rows_of(training, options_.words), wanted, &random_, stop_));
}

// Numbers the leaves.
void ClusteringBuilder::assemble(Clustering *clustering) {
    const int words = options_.words;
    std::vector<uint64_t> tight;
    for (size_t r = 0; r + 1 < rounds_.size(); r++)
        tight.insert(tight.end(), rounds_[r].begin(), rounds_[r].end());
    const Rows kinds[] = {rows_of(tight, words), rows_of(rounds_.back(), words)};
    std::vector<uint32_t> leaf(kinds[0].count + kinds[1].count);  // of each centroid, over all rounds
    size_t next = 0;
    for (const Rows &kind : kinds) {
        if (kind.count == 0) continue;
        const size_t first = next;
        for (uint32_t c : order_centroids(kind, &random_, stop_)) {
            leaf[first + c] = static_cast<uint32_t>(next++);
            append_code(&clustering->centroids_, kind[c], words);
        }
    }
    clustering->words_ = words;
    clustering->radius_limit_ = radius_limit_;
    clustering->tight_leaves_ = kinds[0].count;
    auto of_round = leaf.begin();
    for (const std::vector<uint64_t> &centroids : rounds_) {
        const Rows rows = rows_of(centroids, words);
        clustering->rounds_.push_back(
            {NearestCentroid(rows, &random_, stop_), std::vector<uint32_t>(of_round, of_round + rows.count)});
        of_round += rows.count;
    }
}

std::unique_ptr<Clustering> ClusteringBuilder::build() {
    if (sample_.count > 0) {
        pairs_ = pair_distances(sample_, &random_);
        neighbors_ = neighbor_distances(sample_, options_.total, &random_, stop_);
        const int rounds = may_accept_enough() ? kTightRounds : 0;
        for (int round = 0; round < rounds && !stop_->stopped(); round++)
            if (!add_tight_round()) break;
    }
    if (stop_->asked()) return nullptr;
    add_loose_round();
    std::unique_ptr<Clustering> clustering(new Clustering);
    if (!stop_->stopped()) assemble(clustering.get());
    return stop_->stopped() ? nullptr : std::move(clustering);
}

Assignment Clustering::assign(const uint64_t *code) const noexcept {
    for (size_t r = 0;; r++) {
        const Nearest found = rounds_[r].nearest.find(code);
        if (r + 1 == rounds_.size() || found.distance <= static_cast<uint32_t>(radius_limit_))
            return {rounds_[r].leaf[found.centroid], static_cast<uint16_t>(found.distance)};
    }
}

void Clustering::assign(const uint64_t *codes, size_t count, Assignment *assignments) const noexcept {
    for (size_t i = 0; i < count; i++) assignments[i] = assign(codes + i * words_);
}

void Clustering::archive(Archive *archive) {
    archive->value(&words_);
    archive->value(&radius_limit_);
    archive->value(&tight_leaves_);
    archive->vector(&centroids_);
    archive->length(&rounds_, {NearestCentroid(words_), {}});
    for (Round &round : rounds_) {
        round.nearest.archive(archive);
        archive->vector(&round.leaf);
    }
}

// Measuring and writing change nothing; one function for all three is worth the cast.
size_t Clustering::packed_size() const noexcept {
    Archive archive = Archive::measuring();
    const_cast<Clustering *>(this)->archive(&archive);
    return archive.size();
}

void Clustering::pack(char *bytes) const noexcept {
    Archive archive = Archive::writing(bytes);
    const_cast<Clustering *>(this)->archive(&archive);
}

std::unique_ptr<Clustering> Clustering::unpack(const char *bytes) {
    std::unique_ptr<Clustering> clustering(new Clustering);
    Archive archive = Archive::reading(bytes);
    clustering->archive(&archive);
    return clustering;
}

// The sample, what a round rejected of it and what it rejects now; centroids of four rounds, in several
// copies; distances, nearest centroids and groups.
size_t clustering_memory_per_code(int words) {
    return 4 * words * sizeof(uint64_t) + 32;
}

std::unique_ptr<Clustering> cluster(const uint64_t *sample, size_t sample_count,
                                    const ClusteringOptions &options, StopFlag stop) {
    StopMemory memory(stop);
    return ClusteringBuilder({sample, sample_count, options.words}, options, &memory).build();
}

}  // namespace imagehash::hamming
