// What libimagehash_vision.so offers: a table of functions, in plain types.
//
// imagehash.so loads the library when an image is first to be decoded (src/pg/server/libraries.h). No function
// here throws, and none keeps a pointer it was given. Nothing inside the library includes this file but its
// implementation (api.cpp). Must not include PostgreSQL or OpenCV, so that both sides can read it.
#pragma once

#include <cstdint>

#include "common/preprocessing.h"
#include "common/status.h"
#include "vision/types.h"

namespace imagehash::vision {

// Counted up whenever this table, or a type or limit in it, changes.
constexpr int kApiVersion = 1;

struct Views;  // of one picture; see open_views

struct Api {
    int version;  // kApiVersion of the library; stays the first member for ever

    // Ends threads that libraries started by being loaded, and silences them. First call of a process; starts
    // no thread.
    Status (*start)() noexcept;

    // Reads the header only; no pixel is decoded.
    Status (*image_info)(Bytes image, ImageInfo *info) noexcept;

    // Decodes it and forgets the pixels: ok where it can be hashed.
    Status (*try_image)(Bytes image, const Limits &limits) noexcept;

    // size x size bits, first bit = highest bit of out[0]; size is 8, 16 or 32. Of a color hash, which knows
    // no size, kColorHashBytes.
    Status (*perceptual_hash)(Bytes image, PerceptualHash which, int size, const Limits &limits,
                              uint8_t out[kMaxPerceptualBytes]) noexcept;

    // Difference hashes of the `count` bright and dark parts of an image.
    Status (*crop_resistant_hash)(Bytes image, const Limits &limits,
                                  uint8_t out[kMaxSegments][kSegmentHashBytes], int *count) noexcept;

    // PDQ hashes of the first `variants` of the eight turns of an image in the order of perceptual/pdq.h, and
    // the quality of all of them, 0 to 100.
    Status (*pdq_hash)(Bytes image, int variants, const Limits &limits, uint8_t (*out)[kPdqBytes],
                       int *quality) noexcept;

    // An image as the input of a network: [side][side][3].
    Status (*write_input)(Bytes image, const Limits &limits, const Preprocessing &preprocessing,
                          float *input) noexcept;

    // Augmented copies of a picture (input/augment.h), one after the other, each as write_input() writes the
    // picture itself. The same for the same seed and bytes. Views hold the decoded picture until they are closed.
    // *views is null unless ok.
    Status (*open_views)(Bytes image, const Limits &limits, const Preprocessing &preprocessing, uint64_t seed,
                         Views **views) noexcept;
    Status (*next_view)(Views *views, float *input) noexcept;
    void (*close_views)(Views *views) noexcept;

    // Versions of the libraries below: facts[0] to facts[*count - 1].
    Status (*describe)(Fact facts[kMaxFacts], int *count) noexcept;

    // For a process that forks: does once what the first image of each child would do. Starts no thread.
    Status (*settle_before_fork)() noexcept;
};

}  // namespace imagehash::vision

extern "C" __attribute__((visibility("default"))) const imagehash::vision::Api *imagehash_vision_api();
