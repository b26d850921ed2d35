// The table of options: what it allows, a training takes, and nothing else; what it says of defaults is what
// they are.
#include "semantic/api.h"
#include "semantic/train/train_options.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace imagehash::semantic {
namespace {

const Api &api() {
    return *imagehash_semantic_api();
}

constexpr int kLength = 16, kRows = 40;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TrainOptions quick_options() {
    TrainOptions options;
    options.bits = 8;
    options.hidden = 16;
    options.epochs = 1;
    options.batch = 20;
    options.dropout = 0.3;
    options.contrastive_weight = 1;
    return options;
}

// What became of a training of one epoch.
Status train(const TrainOptions &options) {
    std::mt19937_64 random(1);
    std::normal_distribution<float> normal;
    std::vector<float> embeddings(kRows * kLength);
    std::vector<int32_t> labels(kRows);
    for (float &value : embeddings) value = normal(random);
    for (int i = 0; i < kRows; i++) labels[i] = i % 3;
    LearnSet set = {embeddings.data(), kRows, kLength, nullptr, 0, labels.data()};
    Training *training;
    Status status = api().train_begin(set, options, nullptr, &training);
    TrainProgress progress;
    bool done = false;
    Bytes file;
    if (status.ok()) status = api().train_epoch(training, nullptr, &progress, &done);
    if (status.ok() && done) status = api().train_result(training, &file);
    api().train_free(training);
    return status;
}

void set_option(TrainOptions &options, const TrainOption &option, double value) {
    if (auto integer = std::get_if<int TrainOptions::*>(&option.member))
        options.**integer = static_cast<int>(value);
    else
        options.*std::get<double TrainOptions::*>(option.member) = value;
}

bool is_real(const TrainOption &option) {
    return std::holds_alternative<double TrainOptions::*>(option.member);
}

bool is_number(const TrainOption &option) {
    return std::holds_alternative<int TrainOptions::*>(option.member) || is_real(option);
}

TEST(TrainOptions, EndsOfEveryRangeTrain) {
    for (const TrainOption &option : kTrainOptions) {
        if (!is_number(option)) continue;
        double low = option.low_is_out ? std::nextafter(option.low, kInfinity) : option.low;
        double high = option.high_is_out ? std::nextafter(option.high, -kInfinity) : option.high;
        for (double value : {low, high}) {
            TrainOptions options = quick_options();
            set_option(options, option, value);
            Status status = api().check_train_options(options, kLength, 1);
            EXPECT_TRUE(status.ok()) << option.name << " " << value << ": " << status.message;
            if (options.batch > kRows) continue;
            if (options.dropout == 0) options.contrastive_weight = 0;
            status = train(options);
            EXPECT_TRUE(status.ok()) << option.name << " " << value << ": " << status.message;
        }
    }
}

TEST(TrainOptions, NothingBeyondARangeIsTaken) {
    for (const TrainOption &option : kTrainOptions) {
        if (!is_number(option)) continue;
        double step = is_real(option) ? 0 : 1;
        double low = option.low_is_out ? option.low : std::nextafter(option.low, -kInfinity) - step;
        double high = option.high_is_out ? option.high : std::nextafter(option.high, kInfinity) + step;
        for (HasherAlgorithm algorithm : {HasherAlgorithm::automatic, HasherAlgorithm::autoencoder,
                                          HasherAlgorithm::itq, HasherAlgorithm::random_projection}) {
            std::vector<double> values = {low, high};
            if (is_real(option)) values.insert(values.end(), {std::nan(""), kInfinity, -kInfinity});
            for (double value : values) {
                TrainOptions options = quick_options();
                options.algorithm = algorithm;
                set_option(options, option, value);
                Status checked = api().check_train_options(options, kLength, 1), trained = train(options);
                EXPECT_EQ(checked.kind, ErrorKind::bad_argument) << option.name << " " << value;
                EXPECT_NE(std::string(checked.message).find(option.name), std::string::npos)
                    << checked.message;
                EXPECT_STREQ(trained.message, checked.message);
            }
        }
    }
}

TEST(TrainOptions, TellsWhatTheyDemandOfEachOther) {
    auto refused = [](auto change, int length = kLength, int views = 0) {
        TrainOptions options = quick_options();
        change(options);
        Status status = api().check_train_options(options, length, views);
        if (length == kLength && views == 0) {
            EXPECT_EQ(train(options).kind, status.kind) << status.message;
        }
        return !status.ok();
    };
    EXPECT_FALSE(refused([](TrainOptions &) {}));
    EXPECT_TRUE(refused([](TrainOptions &o) { o.bits = 12; }));
    EXPECT_TRUE(refused([](TrainOptions &o) { o.start_from_itq = true, o.hidden = 15; }));
    EXPECT_FALSE(refused([](TrainOptions &o) { o.start_from_itq = true; }));
    EXPECT_TRUE(refused([](TrainOptions &o) { o.start_from_itq = true; }, 7));
    EXPECT_TRUE(refused([](TrainOptions &o) { o.algorithm = HasherAlgorithm::itq, o.bits = 24; }));
    EXPECT_FALSE(refused([](TrainOptions &o) { o.algorithm = HasherAlgorithm::automatic, o.bits = 24; }));
    EXPECT_TRUE(refused([](TrainOptions &o) { o.algorithm = HasherAlgorithm::itq; }, kMaxItqLength + 1));
    EXPECT_TRUE(refused([](TrainOptions &o) { o.dropout = 0; }));
    EXPECT_FALSE(refused([](TrainOptions &o) { o.dropout = 0; }, kLength, 1));
    EXPECT_FALSE(refused([](TrainOptions &o) { o.dropout = o.contrastive_weight = 0; }));
    EXPECT_TRUE(refused([](TrainOptions &o) { o.reconstruction_weight = o.contrastive_weight = 0; }));
    EXPECT_FALSE(refused([](TrainOptions &o) {
        o.reconstruction_weight = o.contrastive_weight = 0;
        o.label_weight = 1;
    }));
}

TEST(TrainOptions, TellsHowManyRowsTheyNeed) {
    TrainOptions options = quick_options();
    options.validation_share = 0.1;
    options.batch = kRows - 4;
    EXPECT_TRUE(api().check_train_rows(options, kRows).ok());
    EXPECT_TRUE(train(options).ok());
    options.batch++;
    Status status = api().check_train_rows(options, kRows);
    EXPECT_STREQ(status.message, "too few rows for batches of 37: 40, of which 4 are held out");
    EXPECT_STREQ(train(options).message, status.message);
    // What is enough for some rows is enough for more.
    for (double share : {0.0, 0.003, 0.1, 0.5}) {
        options.validation_share = share;
        bool was_enough = false;
        for (size_t rows = 0; rows < 3000; rows++) {
            bool is_enough = api().check_train_rows(options, rows).ok();
            EXPECT_TRUE(is_enough || !was_enough) << rows;
            was_enough = is_enough;
        }
        EXPECT_TRUE(was_enough);
    }
}

// Where the text is a number, or begins with one that holds for many rows without labels and views.
TEST(TrainOptions, DefaultsAreAsTheySay) {
    LearnSet set = {nullptr, 5000, kLength, nullptr, 0, nullptr};
    TrainOptions options = api().default_options(64, set);
    int compared = 0;
    for (const TrainOption &option : kTrainOptions) {
        if (!is_number(option)) continue;
        char *end;
        double said = std::strtod(option.default_value, &end);
        if (*end != '\0' && *end != ';') continue;
        compared++;
        auto real = std::get_if<double TrainOptions::*>(&option.member);
        EXPECT_EQ(said, real ? options.**real : options.*std::get<int TrainOptions::*>(option.member))
            << option.name;
    }
    EXPECT_GE(compared, 10);
    EXPECT_EQ(options.algorithm, HasherAlgorithm::automatic);
    EXPECT_STREQ(kHasherAlgorithmNames[0], "auto");
    EXPECT_EQ(options.contrastive_weight, 0.5);
    EXPECT_EQ(options.batch, 256);
    std::set<std::string> names;
    for (const TrainOption &option : kTrainOptions)
        EXPECT_TRUE(names.insert(option.name).second) << option.name;
}

}  // namespace
}  // namespace imagehash::semantic
