// The door of src/vision: everything PostgreSQL (src/pg/vision_*.cpp) may call, in plain types.
//
// No function here throws; each returns a Status. Nothing here keeps a pointer it was given.
// Must not include PostgreSQL, OpenCV or LibTorch, so that both sides of the wall can read it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vision/status.h"

namespace imagehash::vision {

// Encoded image bytes, owned by the caller.
struct Bytes {
    const uint8_t *data;
    size_t size;
};

// What the header of an image says. Sizes are those of the stored pixels, before EXIF orientation is applied.
struct ImageInfo {
    char format[8];   // "jpeg", "png", "webp", "bmp", "tiff", "gif", ...
    int width;        // pixels
    int height;       // pixels
    int orientation;  // EXIF, 1 to 8; 1 where the image has none
};

enum class PerceptualHash { average, difference, perceptual };

constexpr int kPerceptualHashBytes = 8;
constexpr int kEmbeddingLength = 1280;

// Ends threads that libraries started by being loaded, and silences them. First call of a process; starts no
// thread.
Status quiet_vision_libraries() noexcept;

// Reads the header only; no pixel is decoded.
Status image_info(Bytes image, ImageInfo *info) noexcept;

// 64 bits, first bit = highest bit of out[0].
Status perceptual_hash(Bytes image, PerceptualHash which, int64_t max_pixels,
                       uint8_t out[kPerceptualHashBytes]) noexcept;

// Takes a TorchScript network, float[N,3,224,224] -> float[N,1280], and makes it ready: chooses the fastest
// way this LibTorch offers and checks it against the plain module. `note` receives a line for the log where a
// faster way failed, else an empty string. Loading again replaces the network. Starts no thread.
Status load_network(Bytes torchscript, char note[256]) noexcept;
bool network_loaded() noexcept;

// Threads a forward pass may use, 1 or more; no more than there are cores are used. Worker threads are
// started with every signal blocked.
Status set_threads(int threads) noexcept;

// Embedding of one image: out[kEmbeddingLength], non-negative, not normalised.
Status embed(Bytes image, int64_t max_pixels, float out[kEmbeddingLength]) noexcept;

// Takes a hasher as written by hasher.h.
Status load_hasher(Bytes file) noexcept;
bool hasher_loaded() noexcept;
int hasher_bits() noexcept;

// Semantic hash of an embedding of `length` values: hasher_bits() / 8 bytes, first bit = highest bit of
// out[0].
Status hash_embedding(const float *embedding, size_t length, uint8_t *out) noexcept;

}  // namespace imagehash::vision
