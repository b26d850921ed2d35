// The table of functions of api.h, over one process-wide state: the loaded networks and hashers.
//
// PostgreSQL runs one thread a session, so nothing here is locked. Each function is one guarded() call.
#include "semantic/api.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "semantic/hasher/hasher.h"
#include "semantic/network/about.h"
#include "semantic/network/guarded.h"
#include "semantic/network/network.h"
#include "semantic/network/supervised.h"
#include "semantic/network/threads.h"
#include "semantic/train/baselines.h"
#include "semantic/train/recipes.h"
#include "semantic/train/retrieval.h"
#include "semantic/train/train_options.h"
#include "semantic/train/trainer.h"

namespace imagehash::semantic {

struct Training {
    LearnSet set;
    TrainOptions options;
    std::unique_ptr<Trainer> trainer;  // null for the algorithms without epochs
    std::vector<uint8_t> file;         // once it is done
};

namespace {

struct LoadedNetwork {
    std::shared_ptr<const Network> network;
    bool supervised;  // runs on the thread of supervised.h
};

struct Loaded {
    std::vector<std::unique_ptr<LoadedNetwork>> networks;
    std::vector<std::unique_ptr<Hasher>> hashers;  // null where one was freed
};

Loaded &loaded() {
    // Never destroyed: at exit LibTorch may be gone before us.
    static Loaded *const instance = new Loaded;
    return *instance;
}

template <class T>
T &find_loaded(const std::vector<std::unique_ptr<T>> &all, int id, const char *what) {
    if (id < 0 || static_cast<size_t>(id) >= all.size() || !all[id])
        throw Error(ErrorKind::internal, std::string(what) + " is not loaded");
    return *all[id];
}

NetworkId keep_network(std::shared_ptr<const Network> network, bool supervised, int *length, char note[256]) {
    copy_text(note, 256, network->note().c_str());
    *length = network->length();
    auto &networks = loaded().networks;
    networks.push_back(std::make_unique<LoadedNetwork>(LoadedNetwork{std::move(network), supervised}));
    return static_cast<NetworkId>(networks.size() - 1);
}

void check_preprocessing(const Preprocessing &preprocessing) {
    if (fault_of(preprocessing) != PreprocessingFault::none)
        throw Error(ErrorKind::bad_argument, "preprocessing of a network is out of range");
}

// One forward pass on the second thread, which may go on when it is abandoned: so it gets memory of its own.
void run_supervised_pass(const std::shared_ptr<const Network> &network, const float *inputs, int count,
                         StopFlag stop, float *out) {
    struct Pass {
        std::shared_ptr<const Network> network;
        std::vector<float> inputs, embeddings;
    };
    auto pass = std::make_shared<Pass>();
    pass->network = network;
    pass->inputs.assign(inputs, inputs + count * input_floats(network->preprocessing()));
    pass->embeddings.resize(static_cast<size_t>(count) * network->length());
    run_supervised(
        [pass, count] { pass->network->embed(pass->inputs.data(), count, pass->embeddings.data()); }, stop);
    std::copy(pass->embeddings.begin(), pass->embeddings.end(), out);
}

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
               ? itq(embeddings_of(t.set), t.options.bits, t.options.seed, stop)
               : random_projection(embeddings_of(t.set), t.options.bits, t.options.seed, stop);
}

// One epoch, or the whole of an algorithm without epochs. False after the last one: then the file is written.
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

Status start() noexcept {
    return guarded([] { quiet_libraries(); });
}

Status load_network(Bytes torchscript, const Preprocessing &preprocessing, NetworkId *id, int *length,
                    char note[256]) noexcept {
    note[0] = '\0';
    return guarded([&] {
        check_preprocessing(preprocessing);
        *id = keep_network(std::make_shared<const Network>(torchscript, preprocessing), false, length, note);
    });
}

Status load_registered_network(Bytes torchscript, const Preprocessing &preprocessing, StopFlag stop,
                               NetworkId *id, int *length, char note[256]) noexcept {
    struct Loading {
        std::vector<uint8_t> bytes;
        Preprocessing preprocessing;
        std::shared_ptr<const Network> network;
    };
    note[0] = '\0';
    return guarded([&] {
        check_preprocessing(preprocessing);
        auto loading = std::make_shared<Loading>();
        loading->bytes.assign(torchscript.data, torchscript.data + torchscript.size);
        loading->preprocessing = preprocessing;
        auto load = [loading] {
            Bytes bytes = {loading->bytes.data(), loading->bytes.size()};
            loading->network = std::make_shared<const Network>(bytes, loading->preprocessing);
        };
        run_supervised(load, stop);
        *id = keep_network(loading->network, true, length, note);
    });
}

Status set_threads(int threads) noexcept {
    return guarded([&] { use_threads(threads); });
}

Status embed(NetworkId id, const float *inputs, int count, StopFlag stop, float *out) noexcept {
    return guarded([&] {
        const LoadedNetwork &running = find_loaded(loaded().networks, id, "network");
        const Network &network = *running.network;
        for (int done = 0, n; done < count; done += n) {
            look_for_stop(stop);
            n = std::min(network.batch(), count - done);
            const float *from = inputs + done * input_floats(network.preprocessing());
            float *to = out + static_cast<size_t>(done) * network.length();
            if (running.supervised)
                run_supervised_pass(running.network, from, n, stop, to);
            else
                network.embed(from, n, to);
        }
    });
}

Status load_hasher(Bytes file, HasherId *id, HasherShape *shape) noexcept {
    return guarded([&] {
        auto hasher = std::make_unique<Hasher>(Hasher::parse(file.data, file.size));
        *shape = {hasher->input_length(), hasher->bits()};
        auto &hashers = loaded().hashers;
        auto place = std::find(hashers.begin(), hashers.end(), nullptr);
        *id = static_cast<HasherId>(place - hashers.begin());
        if (place == hashers.end())
            hashers.push_back(std::move(hasher));
        else
            *place = std::move(hasher);
    });
}

void unload_hasher(HasherId id) noexcept {
    auto &hashers = loaded().hashers;
    if (id >= 0 && static_cast<size_t>(id) < hashers.size()) hashers[id] = nullptr;
}

// ERROR where it takes embeddings of another length.
const Hasher &hasher_for(HasherId id, size_t length) {
    const Hasher &hasher = find_loaded(loaded().hashers, id, "hasher");
    if (length != static_cast<size_t>(hasher.input_length()))
        throw Error(ErrorKind::bad_argument, "embedding has " + std::to_string(length) +
                                                 " values, the hasher needs " +
                                                 std::to_string(hasher.input_length()));
    return hasher;
}

Status hash_embedding(HasherId id, const float *embedding, size_t length, uint8_t *out) noexcept {
    return guarded([&] { hasher_for(id, length).hash(embedding, out); });
}

Status embedding_logits(HasherId id, const float *embedding, size_t length, float *out) noexcept {
    return guarded([&] { hasher_for(id, length).logits(embedding, out); });
}

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

Status evaluate_hasher(HasherId hasher, const LearnSet &queries, const LearnSet &collection,
                       const EvaluateOptions &options, StopFlag stop, Evaluation *out) noexcept {
    return guarded([&] {
        *out = evaluate(find_loaded(loaded().hashers, hasher, "hasher"), queries, collection, options, stop);
    });
}

Status describe(NetworkId id, Fact facts[kMaxFacts], int *count) noexcept {
    *count = 0;
    return guarded(
        [&] { *count = write_facts(*find_loaded(loaded().networks, id, "network").network, facts); });
}

constexpr Api kApi = {
    kApiVersion,      start,
    load_network,     load_registered_network,
    set_threads,      embed,
    load_hasher,      unload_hasher,
    hash_embedding,   embedding_logits,
    kTrainOptions,    kHasherAlgorithmNames,
    default_options,  check_train_options,
    check_train_rows, train_begin,
    train_epoch,      train_result,
    train_free,       evaluate_hasher,
    describe,
};

}  // namespace

}  // namespace imagehash::semantic

extern "C" const imagehash::semantic::Api *imagehash_semantic_api() {
    return &imagehash::semantic::kApi;
}
