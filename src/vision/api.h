// The interface of libimagehash_vision.so: a table of functions of plain types.
//
// imagehash.so loads the library when it first decodes an image (src/pg/server/libraries.h). No function
// throws, and none keeps a pointer that it was given. Within the library only api.cpp includes this file.
// Must not include PostgreSQL or OpenCV, so that both sides can read it.
#pragma once

#include <cstdint>

#include "base/preprocessing.h"
#include "base/status.h"
#include "base/types.h"
#include "vision/types.h"

namespace imagehash::vision {

// Increased whenever this table, or a type or limit in it, changes.
constexpr int kApiVersion = 1;

struct Views;  // augmented copies of one picture, made by open_views

struct Api {
    int version;  // kApiVersion of the library; must stay the first member

    // Ends the threads that libraries started when they were loaded, and keeps them from starting others.
    // Must be the first call in a process. Starts no thread.
    Status (*start)() noexcept;

    // Reads the header only; no pixel is decoded.
    Status (*image_info)(Bytes image, ImageInfo *info) noexcept;

    // Decodes the image and drops the pixels: ok if it can be hashed.
    Status (*try_image)(Bytes image, const Limits &limits) noexcept;

    // Writes size x size bits, the first in the highest bit of out[0]; size is 8, 16 or 32. A color hash has
    // kColorHashBytes whatever the size.
    Status (*perceptual_hash)(Bytes image, PerceptualHash which, int size, const Limits &limits,
                              uint8_t out[kMaxPerceptualBytes]) noexcept;

    // Difference hashes of the bright and dark segments of an image; *count is their number.
    Status (*crop_resistant_hash)(Bytes image, const Limits &limits,
                                  uint8_t out[kMaxSegments][kSegmentHashBytes], int *count) noexcept;

    // PDQ hashes of the first `variants` of the eight dihedral variants of an image, in the order of
    // perceptual/pdq.h, and the quality of all of them, 0 to 100.
    Status (*pdq_hash)(Bytes image, int variants, const Limits &limits, uint8_t (*out)[kPdqBytes],
                       int *quality) noexcept;

    // Writes an image as the input of a network: input[side][side][3].
    Status (*write_input)(Bytes image, const Limits &limits, const Preprocessing &preprocessing,
                          float *input) noexcept;

    // Augmented copies of a picture (input/augment.h): each call of next_view writes another one, in the
    // layout of write_input. They are the same for the same seed and bytes. Views hold the decoded picture
    // until close_views. *views is null unless ok.
    Status (*open_views)(Bytes image, const Limits &limits, const Preprocessing &preprocessing, uint64_t seed,
                         Views **views) noexcept;
    Status (*next_view)(Views *views, float *input) noexcept;
    void (*close_views)(Views *views) noexcept;

    // Versions of OpenCV and its codecs: facts[0] to facts[*count - 1].
    Status (*describe)(Fact facts[kMaxFacts], int *count) noexcept;

    // Does the work that the first image of a process causes, for a process that forks: its children need not
    // repeat it. Starts no thread.
    Status (*settle_before_fork)() noexcept;
};

}  // namespace imagehash::vision

extern "C" __attribute__((visibility("default"))) const imagehash::vision::Api *imagehash_vision_api();
