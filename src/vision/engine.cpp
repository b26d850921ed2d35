// The functions of api.h over one process-wide state: the loaded network and hasher.
//
// PostgreSQL runs one thread a session, so nothing here is locked. Each function is one guarded() call.
#include "vision/api.h"

#include <cstring>
#include <memory>
#include <vector>

#include "vision/decode.h"
#include "vision/guarded.h"
#include "vision/hasher.h"
#include "vision/network.h"
#include "vision/perceptual.h"
#include "vision/preprocess.h"
#include "vision/threads.h"

namespace imagehash::vision {

namespace {

struct Engine {
    std::unique_ptr<Network> network;
    std::unique_ptr<Hasher> hasher;
};

Engine &engine() {
    // Never destroyed: at exit LibTorch may be gone before us.
    static Engine *const instance = new Engine;
    return *instance;
}

}  // namespace

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

Status perceptual_hash(Bytes image, PerceptualHash which, int64_t max_pixels,
                       uint8_t out[kPerceptualHashBytes]) noexcept {
    return guarded([&] {
        quiet_libraries();
        cv::Mat pixels = decode(image, max_pixels);
        uint64_t code = which == PerceptualHash::average      ? average_hash(pixels)
                        : which == PerceptualHash::difference ? difference_hash(pixels)
                                                              : perceptual_hash(pixels);
        for (int i = 0; i < kPerceptualHashBytes; i++) out[i] = static_cast<uint8_t>(code >> (56 - 8 * i));
    });
}

Status load_network(Bytes torchscript, char note[256]) noexcept {
    note[0] = '\0';
    return guarded([&] {
        engine().network = std::make_unique<Network>(torchscript);
        copy_text(note, 256, engine().network->note().c_str());
    });
}

bool network_loaded() noexcept {
    return engine().network != nullptr;
}

Status set_threads(int threads) noexcept {
    return guarded([&] { use_threads(threads); });
}

Status embed(Bytes image, int64_t max_pixels, float out[kEmbeddingLength]) noexcept {
    return guarded([&] {
        if (!engine().network) throw Error(ErrorKind::internal, "network is not loaded");
        cv::Mat view = centre_view(decode(image, max_pixels, kResizedShortSide));
        std::vector<float> input(kInputFloats);
        write_input(view, input.data());
        engine().network->embed(input.data(), 1, out);
    });
}

Status load_hasher(Bytes file) noexcept {
    return guarded([&] {
        auto hasher = std::make_unique<Hasher>(Hasher::parse(file.data, file.size));
        if (hasher->input_length() != kEmbeddingLength)
            throw Error(ErrorKind::bad_model,
                        "hasher takes embeddings of " + std::to_string(hasher->input_length()) +
                            " values, the network makes " + std::to_string(kEmbeddingLength));
        engine().hasher = std::move(hasher);
    });
}

bool hasher_loaded() noexcept {
    return engine().hasher != nullptr;
}

int hasher_bits() noexcept {
    return engine().hasher ? engine().hasher->bits() : 0;
}

Status hash_embedding(const float *embedding, size_t length, uint8_t *out) noexcept {
    return guarded([&] {
        if (!engine().hasher) throw Error(ErrorKind::internal, "hasher is not loaded");
        if (length != static_cast<size_t>(engine().hasher->input_length()))
            throw Error(ErrorKind::bad_argument, "embedding has " + std::to_string(length) +
                                                     " values, the hasher needs " +
                                                     std::to_string(engine().hasher->input_length()));
        engine().hasher->hash(embedding, out);
    });
}

}  // namespace imagehash::vision
