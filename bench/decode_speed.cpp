// What decoding a large photo at a fraction of its size saves: 12-megapixel JPEGs, made of the pictures of a
// directory, decoded in full and as far as a network's input needs, and the same up to the input. Prints a
// line for each kind of file: its name, the mean size in kB, and milliseconds of processor time an image:
// decoding in full, reduced; bytes to input by way of the full image, of the reduced one.
//
// Works through src/vision, as the extension does.
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "../test/lib/jpeg_in_memory.h"
#include "base/preprocessing.h"
#include "vision/codec/decode.h"
#include "vision/input/preprocess.h"

namespace {

using namespace imagehash;
using namespace imagehash::vision;
using Photos = std::vector<std::vector<uint8_t>>;

constexpr size_t kPictures = 6;
constexpr int kRounds = 3;  // the best counts
constexpr Limits kLimits = {100'000'000, 1 << 30};
const cv::Size kPhoto(4000, 3000);

// Standard deviation of noise, as a sensor makes it. Enlarged pictures have none, and what makes a JPEG long
// is what reduced decoding must pass over: every coefficient, to find the next.
struct Kind {
    const char *name;
    double noise;
    int quality;
    int sampled;  // luma this often as chroma, across and down
    bool progressive;
};
constexpr Kind kKinds[] = {{"4:2:0", 0, 90, 2, false}, {"4:2:0", 2, 90, 2, false},
                           {"4:2:0", 5, 90, 2, false}, {"4:2:0", 7, 90, 2, false},
                           {"4:4:4", 3, 95, 1, false}, {"progressive", 5, 90, 2, true}};

// By libjpeg, as OpenCV 4.6 has no say in how chroma is sampled.
std::vector<uint8_t> encode(cv::Mat &photo, const Kind &kind) {
    cv::cvtColor(photo, photo, cv::COLOR_BGR2RGB);
    JpegInMemory file(photo.cols, photo.rows, 3, JCS_RGB);
    jpeg_compress_struct &jpeg = file.jpeg;
    jpeg_set_quality(&jpeg, kind.quality, TRUE);
    jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = kind.sampled;
    if (kind.progressive) jpeg_simple_progression(&jpeg);
    for (int y = 0; y < photo.rows; y++) file.add_row(photo.ptr(y));
    return file.finish();
}

std::vector<uint8_t> photo_of(const std::string &path, const Kind &kind) {
    cv::Mat photo, noise(kPhoto, CV_16SC3);
    cv::resize(cv::imread(path, cv::IMREAD_COLOR), photo, kPhoto, 0, 0, cv::INTER_CUBIC);
    if (kind.noise > 0) {
        cv::randn(noise, 0, kind.noise);
        cv::add(photo, noise, photo, cv::noArray(), CV_8U);
    }
    return encode(photo, kind);
}

double milliseconds(const Photos &photos, int min_short_side, bool to_input) {
    const Preprocessing &preprocessing = kShippedPreprocessing;
    std::vector<float> input(input_floats(preprocessing));
    double best = 1e9;
    for (int round = 0; round < kRounds; round++) {
        clock_t begin = std::clock();
        for (const auto &photo : photos) {
            cv::Mat pixels = decode({photo.data(), photo.size()}, kLimits, min_short_side);
            if (to_input) write_input(input_view(pixels, preprocessing), preprocessing, input.data());
        }
        best = std::min(best, 1000.0 * (std::clock() - begin) / CLOCKS_PER_SEC / photos.size());
    }
    return best;
}

void measure(const std::vector<std::string> &paths, const Kind &kind) {
    Photos photos;
    size_t bytes = 0;
    for (const auto &path : paths) bytes += photos.emplace_back(photo_of(path, kind)).size();
    std::printf("%s %.0f", kind.name, bytes / 1000.0 / photos.size());
    for (bool to_input : {false, true})
        for (int min_short_side : {0, kShippedPreprocessing.short_side})
            std::printf(" %.2f", milliseconds(photos, min_short_side, to_input));
    std::printf("\n");
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: decode_speed DIRECTORY_OF_JPEGS\n");
        return 2;
    }
    cv::setNumThreads(1);
    std::vector<std::string> paths;
    for (const auto &entry : std::filesystem::directory_iterator(argv[1]))
        if (entry.path().extension() == ".jpg") paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    paths.resize(std::min(paths.size(), kPictures));
    for (const Kind &kind : kKinds) measure(paths, kind);
}
