// Implements the functions of the table. Each is one guarded() call. Must not keep state between two calls,
// but in Views.
#include "vision/api.h"

#include <memory>
#include <string>
#include <vector>

#include <opencv2/imgcodecs.hpp>

#include "vision/about.h"
#include "vision/codec/decode.h"
#include "vision/codec/image_header.h"
#include "vision/guarded.h"
#include "vision/input/augment.h"
#include "vision/input/preprocess.h"
#include "vision/perceptual/pdq.h"
#include "vision/perceptual/perceptual.h"
#include "vision/perceptual/segments.h"
#include "vision/quiet.h"

namespace imagehash::vision {

struct Views {
    cv::Mat pixels;
    Preprocessing preprocessing;
    ViewRandom random;
};

namespace {

Status start() noexcept {
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
    return guarded([&] { decode(image, limits); });
}

Status perceptual_hash_of(Bytes image, PerceptualHash which, int size, const Limits &limits,
                          uint8_t out[kMaxPerceptualBytes]) noexcept {
    return guarded([&] {
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
        cv::Mat pixels = decode(image, limits);
        *count = 0;
        for (const cv::Rect &segment : find_segments(pixels))
            difference_hash(pixels(segment), 8, out[(*count)++]);
    });
}

Status pdq_hash_of(Bytes image, int variants, const Limits &limits, uint8_t (*out)[kPdqBytes],
                   int *quality) noexcept {
    return guarded([&] { *quality = pdq_hash(decode(image, limits), variants, out); });
}

Status write_input_of(Bytes image, const Limits &limits, const Preprocessing &preprocessing,
                      float *input) noexcept {
    return guarded([&] {
        cv::Mat pixels = decode(image, limits, wanted_short_side(preprocessing));
        write_input(input_view(pixels, preprocessing), preprocessing, input);
    });
}

Status open_views(Bytes image, const Limits &limits, const Preprocessing &preprocessing, uint64_t seed,
                  Views **views) noexcept {
    *views = nullptr;
    return guarded([&] {
        // Twice the size, because the smallest crop has 0.55 of a side and should not be enlarged.
        cv::Mat pixels = decode(image, limits, 2 * wanted_short_side(preprocessing));
        *views = new Views{pixels, preprocessing, view_random(seed, image)};
    });
}

Status next_view(Views *views, float *input) noexcept {
    return guarded([&] {
        write_input(augmented_view(views->pixels, views->preprocessing, views->random), views->preprocessing,
                    input);
    });
}

void close_views(Views *views) noexcept {
    delete views;
}

Status describe(Fact facts[kMaxFacts], int *count) noexcept {
    *count = 0;
    return guarded([&] { *count = write_facts(facts); });
}

Status settle_before_fork() noexcept {
    return guarded([] {
        // OpenCV builds its list of codecs, GDAL's drivers among them, when it first decodes.
        const Preprocessing &shipped = kShippedPreprocessing;
        std::vector<uint8_t> jpeg;
        cv::imencode(".jpg", cv::Mat(shipped.side, shipped.side, CV_8UC3, cv::Scalar::all(127)), jpeg);
        std::vector<float> input(input_floats(shipped));
        const Limits no_limits = {INT64_MAX, INT64_MAX, nullptr};
        Status status = write_input_of({jpeg.data(), jpeg.size()}, no_limits, shipped, input.data());
        if (!status.ok()) throw Error(status.kind, status.message);
    });
}

constexpr Api kApi = {kApiVersion,         start,       image_info,        try_image,  perceptual_hash_of,
                      crop_resistant_hash, pdq_hash_of, write_input_of,    open_views, next_view,
                      close_views,         describe,    settle_before_fork};

}  // namespace

}  // namespace imagehash::vision

extern "C" const imagehash::vision::Api *imagehash_vision_api() {
    return &imagehash::vision::kApi;
}
