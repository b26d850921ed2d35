// The door of src/vision: everything PostgreSQL (src/pg/vision_*.cpp) may call, in plain types.
//
// No function here throws; each returns a Status. Nothing here keeps a pointer it was given. learn.h is the
// other door, of training and measuring hashers.
// Must not include PostgreSQL, OpenCV or LibTorch, so that both sides of the wall can read it.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "common/status.h"

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

// Asked now and then whether to stop; must neither throw nor jump.
using StopFlag = bool (*)();

// What is refused before it is decoded; bounds memory and time of one image.
struct Limits {
    int64_t max_pixels;  // width x height; a JPEG may have this times ten in all its scans
    int64_t max_bytes;   // encoded
    StopFlag stop;  // asked while an image is decoded or a registered network runs (ErrorKind::cancelled);
                    // null: never stops
};

// How pixels become the input of a network, float[N,3,side,side].
struct InputRecipe {
    int side;        // height and width of the input, pixels
    int short_side;  // the image's short side is resized to this, and the centre cut out; 0: the whole image
                     // is squashed to side x side
    float mean[3];   // of R, G, B, on 0 to 255
    float scale[3];  // input = (pixel - mean) / scale
    bool bgr;        // the channels in the order B, G, R
};

constexpr int kMinSide = 8, kMaxSide = 2048, kMaxShortSide = 4096;
constexpr float kMinScale = 1;

// The first thing that is wrong with a recipe.
enum class RecipeFault { none, side, short_side, short_side_below_side, mean, scale };

// A side of 30000 would ask for 10 GB an image, and a scale of 0 divide by it.
inline RecipeFault fault_of(const InputRecipe &recipe) {
    if (recipe.side < kMinSide || recipe.side > kMaxSide) return RecipeFault::side;
    if (recipe.short_side < 0 || recipe.short_side > kMaxShortSide) return RecipeFault::short_side;
    if (recipe.short_side != 0 && recipe.short_side < recipe.side) return RecipeFault::short_side_below_side;
    for (float mean : recipe.mean)
        if (!std::isfinite(mean)) return RecipeFault::mean;
    for (float scale : recipe.scale)
        if (!std::isfinite(scale) || scale < kMinScale) return RecipeFault::scale;
    return RecipeFault::none;
}

// The shipped network's (models/README.md): short side 256, centre 224x224, RGB, (pixel - 127) / 128.
constexpr InputRecipe kShippedRecipe = {224, 256, {127, 127, 127}, {128, 128, 128}, false};
constexpr int kShippedLength = 1280;  // values of its embedding

// A network or hasher that this process has loaded; counted from 0.
using NetworkId = int;
using HasherId = int;

struct HasherShape {
    int input;  // values of an embedding
    int bits;
};

enum class PerceptualHash { average, difference, vertical_difference, perceptual, wavelet, color };

// What imagehash_info() tells of the libraries and a network, a name and a value each.
struct Fact {
    char name[32];
    char value[160];
};
constexpr int kMaxFacts = 16;

constexpr int kMaxPerceptualBytes = 128;
constexpr int kColorHashBytes = 6;
constexpr int kSegmentHashBytes = 8;
constexpr int kMaxSegments = 180;
constexpr int kPdqBytes = 32;
constexpr int kDihedralVariants = 8;
constexpr int kMaxEmbeddingLength = 65536;

// Ends threads that libraries started by being loaded, and silences them. First call of a process; starts no
// thread.
Status quiet_vision_libraries() noexcept;

// Reads the header only; no pixel is decoded.
Status image_info(Bytes image, ImageInfo *info) noexcept;

// Decodes it and forgets the pixels: ok where it can be hashed.
Status try_image(Bytes image, const Limits &limits) noexcept;

// size x size bits, first bit = highest bit of out[0]; size is 8, 16 or 32. Of a color hash, which knows no
// size, kColorHashBytes.
Status perceptual_hash(Bytes image, PerceptualHash which, int size, const Limits &limits,
                       uint8_t out[kMaxPerceptualBytes]) noexcept;

// Difference hashes of the `count` bright and dark parts of an image.
Status crop_resistant_hash(Bytes image, const Limits &limits, uint8_t out[kMaxSegments][kSegmentHashBytes],
                           int *count) noexcept;

// PDQ hashes of the first `variants` of the eight turns of an image in the order of pdq.h, and the quality of
// all of them, 0 to 100.
Status pdq_hash(Bytes image, int variants, const Limits &limits, uint8_t (*out)[kPdqBytes],
                int *quality) noexcept;

// Takes a TorchScript network, float[N,3,side,side] -> float[N,length], runs it once to learn its length,
// and makes it ready: chooses the fastest way this LibTorch offers and checks it against the plain module. It
// runs on the calling thread, here and later, and cannot be stopped: only for a network that is known to end.
// `note` receives a line for the log where a faster way failed, else an empty string. Starts no thread.
// REQUIRES: fault_of(recipe) is none.
Status load_network(Bytes torchscript, const InputRecipe &recipe, NetworkId *id, int *length,
                    char note[256]) noexcept;

// What a registered network gets to end by itself once the stop flag has said so. A forward pass of any use
// takes less.
constexpr int kGraceSeconds = 2;

// The same for a network that somebody registered, whose code may do anything, never end for example. It is
// loaded and run on a thread of its own (supervised.h), which this starts; a copy of the bytes is kept until
// it is loaded. ErrorKind::abandoned, of this or of a later call with its id, obliges the caller to end the
// process.
Status load_registered_network(Bytes torchscript, const InputRecipe &recipe, StopFlag stop, NetworkId *id,
                               int *length, char note[256]) noexcept;

// For a process that forks: does once what the first image of each child would do, and gives back the memory
// that loading left behind, so that children share pages and copy few. Starts no thread.
Status settle_before_fork() noexcept;

// Threads a forward pass may use, 1 or more; no more than there are cores are used. Worker threads are
// started with every signal blocked.
Status set_threads(int threads) noexcept;

// Images that one forward pass of embed() takes at most. Two: measured (README.md), more of them cost more
// each.
constexpr int kEmbeddingBatch = 2;

// Embeddings of `count` images: out[count][length], not normalised, the same values whatever else is in the
// call. A caller that must stay interruptible passes kEmbeddingBatch of them at a time. One that cannot be
// decoded leaves its reason in each[i] and zeros in out; each[i] of the others is ok.
Status embed(NetworkId network, const Bytes *images, int count, const Limits &limits, float *out,
             Status *each) noexcept;

// Takes a hasher as written by hasher.h.
Status load_hasher(Bytes file, HasherId *id, HasherShape *shape) noexcept;
// Frees it; the id is given out again.
void unload_hasher(HasherId id) noexcept;

// Semantic hash of an embedding of `length` values: bits / 8 bytes, first bit = highest bit of out[0].
Status hash_embedding(HasherId hasher, const float *embedding, size_t length, uint8_t *out) noexcept;

// Versions of the libraries, and how the network runs: facts[0] to facts[*count - 1].
Status describe(NetworkId network, Fact facts[kMaxFacts], int *count) noexcept;

}  // namespace imagehash::vision
