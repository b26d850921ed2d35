// learn.h's functions: each is one guarded() call around the trainer, the measures or the views.
#include "semantic/learn.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "vision/input/augment.h"
#include "semantic/train/baselines.h"
#include "vision/codec/decode.h"
#include "vision/engine.h"
#include "common/guarded.h"
#include "vision/input/preprocess.h"
#include "semantic/train/retrieval.h"
#include "semantic/network/threads.h"
#include "semantic/train/train_options.h"
#include "semantic/train/trainer.h"

namespace imagehash::vision {

struct Training {
    LearnSet set;
    TrainOptions options;
    std::unique_ptr<Trainer> trainer;  // null for the algorithms without epochs
    std::vector<uint8_t> file;         // once it is done
};

namespace {

void check_views(const LearnSet &set, StopFlag stop) {
    size_t values = static_cast<size_t>(set.views_per_row) * set.length;
    for (size_t i = 0; set.views && i < set.rows; i++) {
        if (i % 64 == 0) look_for_stop(stop);
        float sum = 0;
        for (size_t j = 0; j < values; j++) sum += set.views[i * values + j];
        if (!std::isfinite(sum))
            throw Error(ErrorKind::bad_argument, "views have a value that is not finite");
    }
}

Hasher fit_baseline(const Training &t, StopFlag stop) {
    return t.options.algorithm == HasherAlgorithm::itq
               ? itq(embeddings_of(t.set), t.options.bits, t.options.seed, kItqIterations, stop)
               : random_projection(embeddings_of(t.set), t.options.bits, t.options.seed, stop);
}

// True while there is more to do.
bool next_epoch(Training &t, StopFlag stop, TrainProgress &progress) {
    if (t.trainer) {
        bool more = t.trainer->epoch(progress, stop);
        if (!more) t.file = t.trainer->finish(stop).serialize();
        return more;
    }
    t.file = fit_baseline(t, stop).serialize();
    progress = TrainProgress{};
    progress.epoch = progress.epochs = 1;
    progress.validation = std::numeric_limits<double>::quiet_NaN();
    progress.best = true;
    return false;
}

}  // namespace

Status check_train_options(const TrainOptions &options, int length, int views) noexcept {
    return guarded([&] { check_options(options, length, views); });
}

Status check_train_rows(const TrainOptions &options, size_t rows) noexcept {
    return guarded([&] { check_rows(options, rows); });
}

Status train_begin(const LearnSet &set, const TrainOptions &options, StopFlag stop,
                   Training **training) noexcept {
    *training = nullptr;
    return guarded([&] {
        quiet_libraries();
        check_options(options, set.length, set.views_per_row);
        auto made = std::make_unique<Training>(Training{set, options, nullptr, {}});
        if (trains_autoencoder(options.algorithm)) {
            check_views(set, stop);
            made->trainer = std::make_unique<Trainer>(set, nullptr, options, stop);
        }
        *training = made.release();
    });
}

Status train_epoch(Training *training, StopFlag stop, TrainProgress *progress, bool *done) noexcept {
    return guarded([&] {
        if (!training->file.empty()) throw Error(ErrorKind::internal, "the training is over");
        *done = !next_epoch(*training, stop, *progress);
    });
}

Status train_result(Training *training, Bytes *file) noexcept {
    return guarded([&] {
        if (training->file.empty()) throw Error(ErrorKind::internal, "the training is not over");
        *file = {training->file.data(), training->file.size()};
    });
}

void train_free(Training *training) noexcept {
    delete training;
}

Status embed_views(NetworkId id, Bytes image, const Limits &limits, uint64_t seed, int views,
                   float *out) noexcept {
    return guarded([&] {
        const Network &network = loaded_network(id);
        const InputRecipe &recipe = network.recipe();
        int short_side = wanted_short_side(recipe);
        const size_t length = network.length();
        ForwardPass pass(id, 1);
        write_input(input_view(decode(image, limits, short_side), recipe), recipe, pass.input(0));
        pass.run(1, limits.stop);
        std::copy_n(pass.embedding(0), length, out);
        if (views <= 0) return;
        // Twice the size: the smallest crop has 0.55 of a side, and is to be no enlargement.
        cv::Mat pixels = decode(image, limits, 2 * short_side);
        ViewRandom random = view_random(seed, image);
        for (int i = 1; i <= views; i++) {
            write_input(augmented_view(pixels, recipe, random), recipe, pass.input(0));
            pass.run(1, limits.stop);
            std::copy_n(pass.embedding(0), length, out + i * length);
        }
    });
}

Status evaluate_hasher(HasherId hasher, const LearnSet &queries, const LearnSet &collection,
                       const EvaluateOptions &options, StopFlag stop, Evaluation *out) noexcept {
    return guarded([&] {
        quiet_libraries();
        *out = evaluate(loaded_hasher(hasher), queries, collection, options, stop);
    });
}

}  // namespace imagehash::vision
