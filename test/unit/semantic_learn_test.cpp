// Training and measuring through the table of functions, as train_hasher() and evaluate_hasher() use it.
#include "semantic/api.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace imagehash::semantic {
namespace {

const Api &api() {
    return *imagehash_semantic_api();
}

constexpr int kLength = 32, kClusters = 10, kViews = 2;

// Points around cluster centers; views add noise along a few directions, which says nothing about a cluster.
struct Pictures {
    std::vector<float> embeddings, views;
    std::vector<int32_t> labels;

    LearnSet set(bool with_views, bool with_labels) const {
        return {embeddings.data(),
                labels.size(),
                kLength,
                with_views ? views.data() : nullptr,
                with_views ? kViews : 0,
                with_labels ? labels.data() : nullptr};
    }
};

Pictures make_pictures(size_t count, uint64_t seed) {
    std::mt19937_64 center_random(1), random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> centers(kClusters * kLength);
    for (float &value : centers) value = normal(center_random);
    Pictures p;
    for (size_t i = 0; i < count; i++) {
        int32_t label = static_cast<int32_t>(random() % kClusters);
        p.labels.push_back(label);
        std::vector<float> own(kLength);
        for (int j = 0; j < kLength; j++)
            own[j] = 3 + centers[label * kLength + j] + 0.5f * normal(random) +
                     (j < 6 ? 4.0f * normal(random) : 0);
        p.embeddings.insert(p.embeddings.end(), own.begin(), own.end());
        for (int v = 0; v < kViews; v++)
            for (int j = 0; j < kLength; j++)
                p.views.push_back(j < 6 ? 3 + 4.0f * normal(random) : own[j] + 0.2f * normal(random));
    }
    return p;
}

TrainOptions quick_options(const LearnSet &set) {
    TrainOptions options = api().default_options(16, set);
    options.hidden = 64;
    options.epochs = 12;
    options.batch = 64;
    return options;
}

struct Result {
    Status status;
    std::vector<uint8_t> file;
    std::vector<TrainProgress> progress;
};

Result train(const LearnSet &set, const TrainOptions &options, StopFlag stop = nullptr) {
    Result result{};
    Training *training;
    result.status = api().train_begin(set, options, stop, &training);
    for (bool done = false; result.status.ok() && !done;) {
        result.progress.emplace_back();
        result.status = api().train_epoch(training, stop, &result.progress.back(), &done);
    }
    Bytes file{};
    if (result.status.ok()) result.status = api().train_result(training, &file);
    if (result.status.ok()) result.file.assign(file.data, file.data + file.size);
    api().train_free(training);
    return result;
}

double map_of(const std::vector<uint8_t> &file, const Pictures &queries, const Pictures &collection) {
    HasherId id;
    HasherShape shape;
    Evaluation e{};
    if (!api().load_hasher(Bytes{file.data(), file.size()}, &id, &shape).ok()) return -1;
    Status status =
        api().evaluate_hasher(id, queries.set(false, true), collection.set(false, true), {}, nullptr, &e);
    api().unload_hasher(id);
    return status.ok() ? e.code.map : -1;
}

TEST(Learn, EveryAlgorithmGivesAHasher) {
    Pictures p = make_pictures(400, 2);
    LearnSet set = p.set(false, false);
    for (HasherAlgorithm algorithm :
         {HasherAlgorithm::autoencoder, HasherAlgorithm::itq, HasherAlgorithm::random_projection}) {
        TrainOptions options = quick_options(set);
        options.algorithm = algorithm;
        Result result = train(set, options);
        ASSERT_TRUE(result.status.ok()) << result.status.message;
        HasherId id;
        HasherShape shape;
        ASSERT_TRUE(api().load_hasher(Bytes{result.file.data(), result.file.size()}, &id, &shape).ok());
        EXPECT_EQ(shape.bits, 16);
        EXPECT_EQ(shape.input, kLength);
        api().unload_hasher(id);
        EXPECT_EQ(train(set, options).file, result.file);
        options.seed = 2;
        EXPECT_NE(train(set, options).file, result.file);
    }
}

TEST(Learn, ViewsTeachWhatToOverlook) {
    Pictures p = make_pictures(600, 3), queries = make_pictures(100, 4);
    Result without = train(p.set(false, false), quick_options(p.set(false, false)));
    Result with = train(p.set(true, false), quick_options(p.set(true, false)));
    ASSERT_TRUE(with.status.ok()) << with.status.message;
    EXPECT_GT(with.progress.back().contrastive, 0);
    EXPECT_GT(map_of(with.file, queries, p), map_of(without.file, queries, p) + 0.05);
}

TEST(Learn, LabelsSteer) {
    Pictures p = make_pictures(600, 5), queries = make_pictures(100, 6);
    Result without = train(p.set(false, false), quick_options(p.set(false, false)));
    for (size_t i = 0; i < p.labels.size(); i += 2) p.labels[i] = -1;  // half of them is enough
    TrainOptions options = quick_options(p.set(false, true));
    EXPECT_GT(options.label_weight, 0);
    Result with = train(p.set(false, true), options);
    ASSERT_TRUE(with.status.ok()) << with.status.message;
    EXPECT_LT(with.progress.back().labels, with.progress.front().labels);
    EXPECT_GT(map_of(with.file, queries, p), map_of(without.file, queries, p) + 0.1);
}

TEST(Learn, KeepsTheBestEpochAndStopsEarly) {
    Pictures p = make_pictures(400, 7);
    LearnSet set = p.set(false, false);
    TrainOptions options = quick_options(set);
    options.validation_share = 0.25;
    options.epochs = 30;
    options.learning_rate = 0.5;  // far too high: it gets worse
    options.patience = 3;
    Result result = train(set, options);
    ASSERT_TRUE(result.status.ok()) << result.status.message;
    ASSERT_LT(result.progress.size(), 30u);
    size_t best = 0;
    for (size_t i = 0; i < result.progress.size(); i++) {
        EXPECT_GE(result.progress[i].validation, 0);
        EXPECT_LE(result.progress[i].validation, 1);
        bool better = i == 0 || result.progress[i].validation > result.progress[best].validation;
        EXPECT_EQ(result.progress[i].best, better);
        if (better) best = i;
    }
    EXPECT_EQ(result.progress.size(), best + 1 + 3);

    // The file is the best epoch's: that of a training which had no chance to get worse after it.
    if (best > 0) {
        options.patience = 0;
        EXPECT_EQ(train(set, options).progress.size(), 30u);
    }
    options.validation_share = 0;
    options.epochs = 2;
    EXPECT_TRUE(std::isnan(train(set, options).progress[0].validation));
}

size_t file_size(int hidden, int bits) {
    size_t floats = hidden > 0 ? hidden * (kLength + 1) + bits * (hidden + 1) : bits * (kLength + 1);
    return 24 + 4 * floats;
}

// Left open, the algorithm is the one that ranks the held-out rows better, and trying ITQ changes nothing
// else.
TEST(Learn, KeepsItqWhereItRanksBetter) {
    Pictures p = make_pictures(400, 11);
    LearnSet set = p.set(true, false);
    TrainOptions options = quick_options(set);
    ASSERT_EQ(options.algorithm, HasherAlgorithm::automatic);
    ASSERT_GT(options.validation_share, 0);
    Result open = train(set, options);
    ASSERT_TRUE(open.status.ok()) << open.status.message;
    ASSERT_EQ(open.progress.size(), 13u);
    EXPECT_EQ(open.progress[0].epoch, 0);
    EXPECT_TRUE(open.progress[0].best);
    EXPECT_GT(open.progress[0].validation, 0);
    EXPECT_EQ(open.file.size(), file_size(64, 16));  // views tell it more than ITQ can know

    TrainOptions told = options;
    told.algorithm = HasherAlgorithm::autoencoder;
    Result autoencoder = train(set, told);
    EXPECT_EQ(autoencoder.file, open.file);
    EXPECT_EQ(autoencoder.progress[0].epoch, 1);
    EXPECT_EQ(autoencoder.progress.back().validation, open.progress.back().validation);

    // Without views ITQ is told as much, and the autoencoder stays as it was born.
    set = p.set(false, false);
    options = quick_options(set);
    options.learning_rate = 1e-9;
    Result itq = train(set, options);
    EXPECT_EQ(itq.file.size(), file_size(0, 16));
    EXPECT_EQ(std::count_if(itq.progress.begin(), itq.progress.end(),
                            [](const TrainProgress &x) { return x.best; }),
              1);
    EXPECT_EQ(train(set, options).file, itq.file);
}

// Where ITQ can't be had or compared, the autoencoder is taken.
TEST(Learn, TriesItqOnlyWhereItCanTell) {
    Pictures p = make_pictures(400, 12);
    auto first_epoch = [](const LearnSet &set, auto change) {
        TrainOptions options = quick_options(set);
        options.epochs = 1;
        change(options);
        Result result = train(set, options);
        return result.status.ok() ? result.progress[0].epoch : -1;
    };
    EXPECT_EQ(first_epoch(p.set(true, false), [](TrainOptions &) {}), 0);
    EXPECT_EQ(first_epoch(p.set(false, false), [](TrainOptions &) {}), 0);
    EXPECT_EQ(first_epoch(p.set(false, true), [](TrainOptions &) {}), 1);
    EXPECT_EQ(first_epoch(p.set(false, true), [](TrainOptions &o) { o.label_weight = 0; }), 0);
    EXPECT_EQ(first_epoch(p.set(false, false), [](TrainOptions &o) { o.validation_share = 0; }), 1);
    EXPECT_EQ(first_epoch(p.set(false, false), [](TrainOptions &o) { o.bits = 2 * kLength; }), 1);
}

int polls_left;

TEST(Learn, StopsWhereverItIsAsked) {
    Pictures p = make_pictures(300, 8);
    LearnSet set = p.set(true, true);
    StopFlag stop = [] { return --polls_left < 0; };
    for (HasherAlgorithm algorithm : {HasherAlgorithm::automatic, HasherAlgorithm::autoencoder,
                                      HasherAlgorithm::itq, HasherAlgorithm::random_projection}) {
        TrainOptions options = quick_options(set);
        options.algorithm = algorithm;
        options.epochs = 2;
        if (algorithm == HasherAlgorithm::automatic) options.label_weight = 0;
        options.start_from_itq = true;
        polls_left = 1 << 30;
        ASSERT_TRUE(train(set, options, stop).status.ok());
        int polls = (1 << 30) - polls_left;
        for (int at = 0; at < polls; at += 1 + polls / 20) {
            polls_left = at;
            EXPECT_EQ(train(set, options, stop).status.kind, ErrorKind::cancelled) << at << " of " << polls;
        }
    }
}

TEST(Learn, RefusesWhatCannotBeLearned) {
    Pictures p = make_pictures(200, 9);
    auto kind = [&](LearnSet set, auto change) {
        TrainOptions options = quick_options(set);
        change(set, options);
        Result result = train(set, options);
        EXPECT_NE(result.status.message[0], result.status.ok() ? 'x' : '\0');
        return result.status.kind;
    };
    auto bad = ErrorKind::bad_argument;
    LearnSet plain = p.set(false, false), all = p.set(true, true);
    EXPECT_EQ(kind(plain, [](LearnSet &, TrainOptions &o) { o.bits = 12; }), bad);
    EXPECT_EQ(kind(plain, [](LearnSet &, TrainOptions &o) { o.dropout = 0; }), bad);  // both passes alike
    EXPECT_EQ(kind(plain, [](LearnSet &, TrainOptions &o) { o.label_weight = 1; }), bad);
    EXPECT_EQ(kind(plain, [](LearnSet &, TrainOptions &o) { o.kl_weight = 1; }), bad);
    EXPECT_EQ(kind(plain, [](LearnSet &, TrainOptions &o) { o.temperature = 0; }), bad);
    EXPECT_EQ(kind(plain, [](LearnSet &, TrainOptions &o) { o.learning_rate = std::nan(""); }), bad);
    EXPECT_EQ(kind(plain, [](LearnSet &s, TrainOptions &) { s.rows = 1; }), bad);
    EXPECT_EQ(kind(plain, [](LearnSet &s, TrainOptions &) { s.rows = 0; }), bad);
    EXPECT_EQ(kind(plain,
                   [](LearnSet &, TrainOptions &o) {
                       o.algorithm = HasherAlgorithm::itq;
                       o.bits = 40;
                   }),
              bad);
    p.labels[7] = kMaxLabel + 1;
    EXPECT_EQ(kind(all, [](LearnSet &, TrainOptions &) {}), bad);
    p.labels[7] = 0;
    p.views[123] = std::numeric_limits<float>::infinity();
    EXPECT_EQ(kind(all, [](LearnSet &, TrainOptions &) {}), bad);
    p.views[123] = 0;
    p.embeddings[123] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_EQ(kind(all, [](LearnSet &, TrainOptions &) {}), bad);
}

// Whatever there is to learn from, the default recipe takes it.
TEST(Learn, DefaultsFitSmallSets) {
    for (size_t rows : {4, 30, 250}) {
        Pictures p = make_pictures(rows, 10);
        for (bool views : {false, true})
            for (bool labels : {false, true}) {
                TrainOptions options = api().default_options(8, p.set(views, labels));
                options.epochs = 2;
                Result result = train(p.set(views, labels), options);
                EXPECT_TRUE(result.status.ok()) << rows << " " << result.status.message;
            }
    }
}

TEST(Learn, EvaluationNeedsAHasher) {
    Pictures p = make_pictures(20, 11);
    Evaluation e;
    EXPECT_FALSE(api().evaluate_hasher(-1, p.set(false, true), p.set(false, true), {}, nullptr, &e).ok());
}

}  // namespace
}  // namespace imagehash::semantic
