// Processor time of decoding JPEG files at full size and as a network's input needs them (short side 256),
// and the ratio.
//
//   decode_time FILE ...
//
// One line a file: width x height, milliseconds at full size, milliseconds reduced, ratio. Each is the least
// of several runs, of this thread alone, so that a busy machine does not show.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <vector>

#include "vision/decode.h"
#include "vision/preprocess.h"

using namespace imagehash::vision;

static double milliseconds() {
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static double least_time(Bytes image, int short_side, bool view) {
    constexpr int kRuns = 5;
    constexpr Limits kLimits = {1000000000, 1 << 30};
    double least = 1e18;
    for (int run = 0; run < kRuns; run++) {
        double begin = milliseconds();
        cv::Mat pixels = decode(image, kLimits, short_side);
        if (view) input_view(pixels, kShippedRecipe);
        least = std::min(least, milliseconds() - begin);
    }
    return least;
}

int main(int count, char **files) {
    cv::setNumThreads(1);
    for (int i = 1; i < count; i++) {
        std::ifstream in(files[i], std::ios::binary);
        std::vector<uint8_t> bytes((std::istreambuf_iterator<char>(in)), {});
        Bytes image{bytes.data(), bytes.size()};
        try {
            ImageHeader header = read_header(image);
            printf("%s: %d x %d", files[i], static_cast<int>(header.width), static_cast<int>(header.height));
            for (bool view : {false, true}) {
                double full = least_time(image, 0, view), reduced = least_time(image, 256, view);
                printf("; %s %.1f ms, %.1f ms, %.2f", view ? "view" : "decode", full, reduced,
                       full / reduced);
            }
            printf("\n");
        } catch (const Error &error) {
            fprintf(stderr, "%s: %s\n", files[i], error.message.c_str());
            return 1;
        }
    }
    return 0;
}
