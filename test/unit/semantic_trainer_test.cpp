// The trainer and the baselines on a small synthetic collection: they learn, repeat themselves, and stop when
// told.
#include "semantic/train/trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "base/status.h"
#include "semantic/train/baselines.h"
#include "semantic/train/retrieval.h"

namespace imagehash::semantic {
namespace {

constexpr int kLength = 32, kClusters = 20;

// Points around cluster centers: a few strong directions of noise that all clusters share hide them from
// hyperplanes drawn at random.
struct Collection {
    std::vector<float> rows;
    std::vector<int32_t> labels;

    MatrixView view(size_t begin, size_t count) const { return {&rows[begin * kLength], count, kLength}; }
    MatrixView view() const { return view(0, labels.size()); }
};

Collection make_collection(size_t count, uint64_t seed) {
    std::mt19937_64 center_random(1), random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> centers(kClusters * kLength);
    for (float &value : centers) value = normal(center_random);
    Collection c;
    for (size_t i = 0; i < count; i++) {
        int label = static_cast<int>(random() % kClusters);
        c.labels.push_back(label);
        for (int j = 0; j < kLength; j++)
            c.rows.push_back(3 + centers[label * kLength + j] + 0.7f * normal(random));
    }
    return c;
}

EvaluateOptions at(size_t k) {
    EvaluateOptions options;
    options.k = k;
    return options;
}

TrainOptions quick_options() {
    TrainOptions options;
    options.bits = 16;
    options.hidden = 64;
    options.epochs = 15;
    options.batch = 100;
    return options;
}

// mAP of the last 200 rows against the others.
double quality(const Hasher &hasher, const Collection &c) {
    std::vector<uint8_t> codes = hash_all(hasher, c.view());
    size_t rows = c.labels.size(), queries = 200, bytes = hasher.bits() / 8;
    return code_quality({&codes[(rows - queries) * bytes], queries, hasher.bits()}, &c.labels[rows - queries],
                        {codes.data(), rows - queries, hasher.bits()}, c.labels.data(), at(100))
        .map_at_k;
}

// A classifier that knows the clusters: logits are cosines to the centers, nearly.
Classifier make_classifier() {
    std::mt19937_64 random(1);
    std::normal_distribution<float> normal;
    Classifier classifier{kClusters, kLength, std::vector<float>(kClusters * kLength),
                          std::vector<float>(kClusters, 0)};
    for (float &value : classifier.weight) value = 0.2f * normal(random);
    return classifier;
}

ErrorKind kind_of_failure(const LearnSet &set, const Classifier *classifier, const TrainOptions &options,
                          StopFlag stop = nullptr) {
    try {
        train_autoencoder(set, classifier, options, {}, stop);
    } catch (const Error &e) {
        return e.kind;
    }
    return ErrorKind::none;
}

TEST(Trainer, LearnsMoreThanRandomProjection) {
    Collection c = make_collection(2000, 2);
    double random = quality(random_projection(c.view(), 16, 1), c);
    TrainOptions options = quick_options();
    double first = 0;
    TrainResult result =
        train_autoencoder(unlabeled(c.view(0, 1800)), nullptr, options, [&](const TrainProgress &p) {
            if (p.epoch == 1) first = p.reconstruction;
        });
    EXPECT_EQ(result.last.epoch, options.epochs);
    EXPECT_LT(result.last.reconstruction, 0.7 * first);
    EXPECT_EQ(result.last.kl, 0);
    EXPECT_GT(quality(result.hasher, c), random + 0.1);
}

TEST(Trainer, KlTermLearnsUnderNoise) {
    Collection c = make_collection(1000, 3);
    Classifier classifier = make_classifier();
    TrainOptions options = quick_options();
    options.kl_weight = 0.3;
    options.flip = 0.1;
    options.dropout = 0.1;
    TrainProgress first{};
    TrainResult result =
        train_autoencoder(unlabeled(c.view(0, 800)), &classifier, options, [&](const TrainProgress &p) {
            if (p.epoch == 1) first = p;
        });
    EXPECT_LT(result.last.kl, 0.7 * first.kl);
    EXPECT_GT(quality(result.hasher, c), quality(random_projection(c.view(), 16, 1), c));
}

TEST(Trainer, StartsWhereItqEnds) {
    Collection c = make_collection(1000, 10);
    TrainOptions options = quick_options();
    options.start_from_itq = true;
    options.epochs = 1;
    options.learning_rate = 1e-9;
    Hasher hasher = train_autoencoder(unlabeled(c.view()), nullptr, options).hasher;
    double start = quality(itq(c.view(), 16, 1), c);
    EXPECT_NEAR(quality(hasher, c), start, 0.1);

    options.epochs = 5;
    options.learning_rate = 1e-3;
    TrainResult trained = train_autoencoder(unlabeled(c.view()), nullptr, options);
    EXPECT_GT(quality(trained.hasher, c), start - 0.1);
    options.hidden = 31;
    EXPECT_EQ(kind_of_failure(unlabeled(c.view()), nullptr, options), ErrorKind::bad_argument);
}

TEST(Trainer, BitsAreBalanced) {
    Collection c = make_collection(1000, 4);
    Hasher hasher = train_autoencoder(unlabeled(c.view()), nullptr, quick_options()).hasher;
    std::vector<uint8_t> codes = hash_all(hasher, c.view());
    for (int bit = 0; bit < 16; bit++) {
        int set = 0;
        for (size_t i = 0; i < 1000; i++) set += codes[i * 2 + bit / 8] >> (7 - bit % 8) & 1;
        EXPECT_GT(set, 200) << "bit " << bit;
        EXPECT_LT(set, 800) << "bit " << bit;
    }
}

TEST(Trainer, SameSeedSameBytes) {
    Collection c = make_collection(500, 5);
    TrainOptions options = quick_options();
    options.epochs = 3;
    options.dropout = options.flip = 0.1;
    options.start_from_itq = true;
    std::vector<uint8_t> one = train_autoencoder(unlabeled(c.view()), nullptr, options).hasher.serialize();
    EXPECT_EQ(train_autoencoder(unlabeled(c.view()), nullptr, options).hasher.serialize(), one);
    options.seed = 2;
    EXPECT_NE(train_autoencoder(unlabeled(c.view()), nullptr, options).hasher.serialize(), one);
}

TEST(Trainer, StopCancels) {
    Collection c = make_collection(500, 6);
    static int polls;
    polls = 0;
    EXPECT_EQ(kind_of_failure(unlabeled(c.view()), nullptr, quick_options(), [] { return ++polls > 7; }),
              ErrorKind::cancelled);
    EXPECT_EQ(polls, 8);  // once a block of rows at first, then once a batch
    EXPECT_THROW(itq(c.view(), 16, 1, [] { return true; }), Error);
}

TEST(Trainer, RefusesBadArguments) {
    Collection c = make_collection(200, 7);
    auto failure = [&](auto change) {
        TrainOptions options = quick_options();
        change(options);
        return kind_of_failure(unlabeled(c.view()), nullptr, options);
    };
    EXPECT_EQ(failure([](TrainOptions &o) { o.bits = 12; }), ErrorKind::bad_argument);
    EXPECT_EQ(failure([](TrainOptions &o) { o.bits = 1032; }), ErrorKind::bad_argument);
    EXPECT_EQ(failure([](TrainOptions &o) { o.hidden = 0; }), ErrorKind::bad_argument);
    EXPECT_EQ(failure([](TrainOptions &o) { o.epochs = 0; }), ErrorKind::bad_argument);
    EXPECT_EQ(failure([](TrainOptions &o) { o.batch = 201; }), ErrorKind::bad_argument);
    EXPECT_EQ(failure([](TrainOptions &o) { o.dropout = 1; }), ErrorKind::bad_argument);
    EXPECT_EQ(failure([](TrainOptions &o) { o.flip = 0.5; }), ErrorKind::bad_argument);
    EXPECT_EQ(failure([](TrainOptions &o) { o.learning_rate = -1; }), ErrorKind::bad_argument);
    EXPECT_EQ(failure([](TrainOptions &o) { o.kl_weight = 1; }), ErrorKind::bad_argument);

    c.rows[5] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_EQ(kind_of_failure(unlabeled(c.view()), nullptr, quick_options()), ErrorKind::bad_argument);
    std::vector<float> alike(200 * kLength, 1.0f);
    EXPECT_EQ(kind_of_failure(unlabeled({alike.data(), 200, kLength}), nullptr, quick_options()),
              ErrorKind::bad_argument);
}

TEST(Baselines, ItqBeatsRandomProjection) {
    Collection c = make_collection(2000, 8);
    MatrixView training = c.view(0, 1800);
    EXPECT_GT(quality(itq(training, 16, 1), c), quality(random_projection(training, 16, 1), c) + 0.05);
}

TEST(Baselines, AreReproducible) {
    Collection c = make_collection(300, 9);
    EXPECT_EQ(itq(c.view(), 16, 1).serialize(), itq(c.view(), 16, 1).serialize());
    EXPECT_EQ(random_projection(c.view(), 64, 1).serialize(), random_projection(c.view(), 64, 1).serialize());
    EXPECT_NE(random_projection(c.view(), 64, 1).serialize(), random_projection(c.view(), 64, 2).serialize());
    EXPECT_THROW(itq(c.view(), 40, 1), Error);  // more bits than the embedding has values
    EXPECT_THROW(random_projection(c.view(), 12, 1), Error);
}

}  // namespace
}  // namespace imagehash::semantic
