// The functions of api.h over one process-wide state: the loaded networks and hashers.
//
// PostgreSQL runs one thread a session, so nothing here is locked. Each function is one guarded() call.
#include "vision/api.h"

#include <malloc.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include <opencv2/imgcodecs.hpp>

#include "semantic/network/about.h"
#include "vision/codec/decode.h"
#include "vision/engine.h"
#include "common/guarded.h"
#include "semantic/hasher/hasher.h"
#include "semantic/network/network.h"
#include "vision/perceptual/pdq.h"
#include "vision/perceptual/perceptual.h"
#include "vision/input/preprocess.h"
#include "vision/perceptual/segments.h"
#include "semantic/network/supervised.h"
#include "semantic/network/threads.h"

namespace imagehash::vision {

namespace {

struct LoadedNetwork {
    std::shared_ptr<const Network> network;
    bool supervised;  // runs on the thread of supervised.h
};

struct Engine {
    std::vector<std::unique_ptr<LoadedNetwork>> networks;
    std::vector<std::unique_ptr<Hasher>> hashers;  // null where one was freed
};

Engine &engine() {
    // Never destroyed: at exit LibTorch may be gone before us.
    static Engine *const instance = new Engine;
    return *instance;
}

// Freed pages that a child would have to copy before it uses them become pages that it gets zeroed.
void give_back_free_memory() {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

template <class T>
T &at(const std::vector<std::unique_ptr<T>> &all, int id, const char *what) {
    if (id < 0 || static_cast<size_t>(id) >= all.size() || !all[id])
        throw Error(ErrorKind::internal, std::string(what) + " is not loaded");
    return *all[id];
}

NetworkId keep_network(std::shared_ptr<const Network> network, bool supervised, int *length, char note[256]) {
    copy_text(note, 256, network->note().c_str());
    *length = network->length();
    auto &networks = engine().networks;
    networks.push_back(std::make_unique<LoadedNetwork>(LoadedNetwork{std::move(network), supervised}));
    return static_cast<NetworkId>(networks.size() - 1);
}

// Bytes to one input of a network.
Status read_input(Bytes image, const Limits &limits, const InputRecipe &recipe, float *input) {
    return guarded([&] {
        cv::Mat pixels = decode(image, limits, wanted_short_side(recipe));
        write_input(input_view(pixels, recipe), recipe, input);
    });
}

}  // namespace

const Network &loaded_network(NetworkId id) {
    return *at(engine().networks, id, "network").network;
}

const Hasher &loaded_hasher(HasherId id) {
    return at(engine().hashers, id, "hasher");
}

ForwardPass::ForwardPass(NetworkId id, int batch) : memory_(std::make_shared<Memory>()) {
    const LoadedNetwork &loaded = at(engine().networks, id, "network");
    supervised_ = loaded.supervised;
    memory_->network = loaded.network;
    memory_->inputs.resize(batch * input_floats(loaded.network->recipe()));
    memory_->embeddings.resize(static_cast<size_t>(batch) * loaded.network->length());
}

float *ForwardPass::input(int i) {
    return memory_->inputs.data() + i * input_floats(memory_->network->recipe());
}

const float *ForwardPass::embedding(int i) const {
    return memory_->embeddings.data() + static_cast<size_t>(i) * memory_->network->length();
}

void ForwardPass::run(int count, StopFlag stop) {
    auto pass = [memory = memory_, count] {
        memory->network->embed(memory->inputs.data(), count, memory->embeddings.data());
    };
    if (supervised_)
        run_supervised(pass, stop);
    else
        pass();
}

Status quiet_vision_libraries() noexcept {
    return guarded([] { quiet_libraries(); });
}

Status image_info(Bytes image, ImageInfo *info) noexcept {
    return guarded([&] {
        ImageHeader header = read_header(image);
        copy_text(info->format, sizeof(info->format), format_name(header.format));
        info->width = static_cast<int>(header.width);
        info->height = static_cast<int>(header.height);
        info->orientation = header.orientation;
    });
}

Status try_image(Bytes image, const Limits &limits) noexcept {
    return guarded([&] {
        quiet_libraries();
        decode(image, limits);
    });
}

Status perceptual_hash(Bytes image, PerceptualHash which, int size, const Limits &limits,
                       uint8_t out[kMaxPerceptualBytes]) noexcept {
    return guarded([&] {
        quiet_libraries();
        if (which != PerceptualHash::color && !is_hash_size(size))
            throw Error(ErrorKind::bad_argument, "hash size must be 8, 16 or 32, not " + std::to_string(size),
                        "They give hashes of 64, 256 and 1024 bits");
        cv::Mat pixels = decode(image, limits);
        switch (which) {
            case PerceptualHash::average:
                return average_hash(pixels, size, out);
            case PerceptualHash::difference:
                return difference_hash(pixels, size, out);
            case PerceptualHash::vertical_difference:
                return vertical_difference_hash(pixels, size, out);
            case PerceptualHash::perceptual:
                return perceptual_hash(pixels, size, out);
            case PerceptualHash::wavelet:
                return wavelet_hash(pixels, size, out);
            case PerceptualHash::color:
                return color_hash(pixels, out);
        }
    });
}

Status crop_resistant_hash(Bytes image, const Limits &limits, uint8_t out[kMaxSegments][kSegmentHashBytes],
                           int *count) noexcept {
    return guarded([&] {
        quiet_libraries();
        cv::Mat pixels = decode(image, limits);
        *count = 0;
        for (const cv::Rect &segment : find_segments(pixels))
            difference_hash(pixels(segment), 8, out[(*count)++]);
    });
}

Status pdq_hash(Bytes image, int variants, const Limits &limits, uint8_t (*out)[kPdqBytes],
                int *quality) noexcept {
    return guarded([&] {
        quiet_libraries();
        *quality = pdq_hash(decode(image, limits), variants, out);
    });
}

Status load_network(Bytes torchscript, const InputRecipe &recipe, NetworkId *id, int *length,
                    char note[256]) noexcept {
    note[0] = '\0';
    return guarded([&] {
        if (fault_of(recipe) != RecipeFault::none)
            throw Error(ErrorKind::bad_argument, "recipe of a network is out of range");
        *id = keep_network(std::make_shared<const Network>(torchscript, recipe), false, length, note);
    });
}

Status load_registered_network(Bytes torchscript, const InputRecipe &recipe, StopFlag stop, NetworkId *id,
                               int *length, char note[256]) noexcept {
    struct Loading {
        std::vector<uint8_t> bytes;
        InputRecipe recipe;
        std::shared_ptr<const Network> network;
    };
    note[0] = '\0';
    return guarded([&] {
        if (fault_of(recipe) != RecipeFault::none)
            throw Error(ErrorKind::bad_argument, "recipe of a network is out of range");
        auto loading = std::make_shared<Loading>();
        loading->bytes.assign(torchscript.data, torchscript.data + torchscript.size);
        loading->recipe = recipe;
        auto load = [loading] {
            Bytes bytes = {loading->bytes.data(), loading->bytes.size()};
            loading->network = std::make_shared<const Network>(bytes, loading->recipe);
        };
        run_supervised(load, stop);
        *id = keep_network(loading->network, true, length, note);
    });
}

Status settle_before_fork() noexcept {
    return guarded([] {
        // OpenCV makes its list of codecs, GDAL's drivers among them, when it decodes for the first time.
        std::vector<uint8_t> jpeg;
        cv::imencode(".jpg", cv::Mat(kShippedRecipe.side, kShippedRecipe.side, CV_8UC3, cv::Scalar::all(127)),
                     jpeg);
        std::vector<float> input(input_floats(kShippedRecipe));
        Status status =
            read_input({jpeg.data(), jpeg.size()}, {INT64_MAX, INT64_MAX}, kShippedRecipe, input.data());
        if (!status.ok()) throw Error(status.kind, status.message);
        give_back_free_memory();
    });
}

Status set_threads(int threads) noexcept {
    return guarded([&] { use_threads(threads); });
}

Status embed(NetworkId id, const Bytes *images, int count, const Limits &limits, float *out,
             Status *each) noexcept {
    return guarded([&] {
        const Network &network = loaded_network(id);
        const size_t length = network.length();
        const int batch = std::min(network.batch(), count);
        ForwardPass pass(id, batch);
        std::vector<int> places;  // of the inputs, among the images
        auto run = [&] {
            if (places.empty()) return;
            const int inputs = static_cast<int>(places.size());
            pass.run(inputs, limits.stop);
            for (int i = 0; i < inputs; i++)
                std::copy_n(pass.embedding(i), length, out + places[i] * length);
            places.clear();
        };
        for (int i = 0; i < count; i++) {
            float *input = pass.input(static_cast<int>(places.size()));
            each[i] = read_input(images[i], limits, network.recipe(), input);
            if (each[i].ok())
                places.push_back(i);
            else
                std::fill_n(out + i * length, length, 0.0f);
            if (places.size() == static_cast<size_t>(batch)) run();
        }
        run();
    });
}

Status load_hasher(Bytes file, HasherId *id, HasherShape *shape) noexcept {
    return guarded([&] {
        auto hasher = std::make_unique<Hasher>(Hasher::parse(file.data, file.size));
        *shape = {hasher->input_length(), hasher->bits()};
        auto &hashers = engine().hashers;
        auto place = std::find(hashers.begin(), hashers.end(), nullptr);
        *id = static_cast<HasherId>(place - hashers.begin());
        if (place == hashers.end())
            hashers.push_back(std::move(hasher));
        else
            *place = std::move(hasher);
    });
}

void unload_hasher(HasherId id) noexcept {
    auto &hashers = engine().hashers;
    if (id >= 0 && static_cast<size_t>(id) < hashers.size()) hashers[id] = nullptr;
}

Status describe(NetworkId id, Fact facts[kMaxFacts], int *count) noexcept {
    *count = 0;
    return guarded([&] { *count = write_facts(loaded_network(id), facts); });
}

Status hash_embedding(HasherId id, const float *embedding, size_t length, uint8_t *out) noexcept {
    return guarded([&] {
        const Hasher &hasher = loaded_hasher(id);
        if (length != static_cast<size_t>(hasher.input_length()))
            throw Error(ErrorKind::bad_argument, "embedding has " + std::to_string(length) +
                                                     " values, the hasher needs " +
                                                     std::to_string(hasher.input_length()));
        hasher.hash(embedding, out);
    });
}

}  // namespace imagehash::vision
