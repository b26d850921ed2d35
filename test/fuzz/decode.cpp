// libFuzzer target: decoding, at full size and reduced.
//
// Any input ends in pixels of the size that its header gives, or in an error of one of three kinds. A small
// limit on pixels keeps inputs fast; what the limits allow is measured elsewhere (test/t/011_hostile.pl).
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "vision/decode.h"

using namespace imagehash::vision;

static void require(bool sound) {
    if (!sound) abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    std::vector<uint8_t> own(data, data + size);
    Bytes image{own.data(), own.size()};
    constexpr Limits limits = {1 << 18, 1 << 20};
    for (int short_side : {0, 16}) {
        try {
            cv::Mat pixels = decode(image, limits, short_side);
            ImageHeader header = read_header(image);
            require(pixels.type() == CV_8UC3);
            int64_t longest = std::max(pixels.cols, pixels.rows),
                    given = std::max(header.width, header.height);
            require(short_side ? longest <= given : longest == given);
        } catch (const Error &error) {
            require(error.kind == ErrorKind::bad_image || error.kind == ErrorKind::unsupported ||
                    error.kind == ErrorKind::too_large);
        }
    }
    return 0;
}
