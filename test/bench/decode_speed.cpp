// What decoding a large photo at a fraction of its size saves: 12-megapixel JPEGs, made of the pictures of a
// directory, decoded in full and as far as a network's input needs, and the same up to the input. Prints a
// line for each grade of detail: the mean size in kB, and milliseconds of processor time an image: decoding
// in full, reduced; bytes to input by way of the full image, of the reduced one.
//
// Works through src/vision, as the extension does.
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "vision/decode.h"
#include "vision/preprocess.h"

namespace {

using namespace imagehash::vision;
using Photos = std::vector<std::vector<uint8_t>>;

constexpr size_t kPictures = 6;
constexpr int kRounds = 3;  // the best counts
constexpr int kQuality = 90;
constexpr Limits kLimits = {100'000'000, 1 << 30};
const cv::Size kPhoto(4000, 3000);
// Standard deviation of noise, as a sensor makes it. Enlarged pictures have none, and what makes a JPEG long
// is what reduced decoding cannot save: every coefficient is read to find the next.
constexpr double kDetail[] = {0, 2, 5};

std::vector<uint8_t> photo_of(const std::string &path, double detail) {
    cv::Mat photo, noise(kPhoto, CV_16SC3);
    cv::resize(cv::imread(path, cv::IMREAD_COLOR), photo, kPhoto, 0, 0, cv::INTER_CUBIC);
    if (detail > 0) {
        cv::randn(noise, 0, detail);
        cv::add(photo, noise, photo, cv::noArray(), CV_8U);
    }
    std::vector<uint8_t> bytes;
    cv::imencode(".jpg", photo, bytes, {cv::IMWRITE_JPEG_QUALITY, kQuality});
    return bytes;
}

double milliseconds(const Photos &photos, int min_short_side, bool to_input) {
    std::vector<float> input(input_floats(kShippedRecipe));
    double best = 1e9;
    for (int round = 0; round < kRounds; round++) {
        clock_t begin = std::clock();
        for (const auto &photo : photos) {
            cv::Mat pixels = decode({photo.data(), photo.size()}, kLimits, min_short_side);
            if (to_input) write_input(input_view(pixels, kShippedRecipe), kShippedRecipe, input.data());
        }
        best = std::min(best, 1000.0 * (std::clock() - begin) / CLOCKS_PER_SEC / photos.size());
    }
    return best;
}

void measure(const std::vector<std::string> &paths, double detail) {
    Photos photos;
    size_t bytes = 0;
    for (const auto &path : paths) bytes += photos.emplace_back(photo_of(path, detail)).size();
    std::printf("%.0f", bytes / 1000.0 / photos.size());
    for (bool to_input : {false, true})
        for (int min_short_side : {0, kShippedRecipe.short_side})
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
    for (double detail : kDetail) measure(paths, detail);
}
