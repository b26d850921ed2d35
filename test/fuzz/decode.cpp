// libFuzzer target: decoding, at full size and reduced; DC-only decoding of JPEGs at 1/8 scale, with the filter and without.
//
// Any input ends in pixels of the size that its header gives, or in an error of one of three kinds. A small
// limit on pixels keeps inputs fast; what the limits allow is measured elsewhere (test/t/011_hostile.pl).
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "vision/codec/decode.h"
#include "vision/codec/decode_jpeg.h"

using namespace imagehash;
using namespace imagehash::vision;

namespace {

void require(bool sound) {
    if (!sound) abort();
}

struct DcOnly {
    cv::Mat pixels;
    std::string error;
    JpegFiltering filtering;
};

DcOnly dc_only_of(Bytes image, const ImageHeader &header, bool filter) {
    DcOnly result = {{}, "", {filter ? JpegFiltering::always : JpegFiltering::never, false}};
    try {
        result.pixels = decode_jpeg(image, header, 8, nullptr, &result.filtering);
    } catch (const Error &error) {
        require(error.kind == ErrorKind::bad_image);
        result.error = error.message;
    }
    return result;
}

bool is_progressive(Bytes image) {
    for (size_t i = 2; i + 1 < image.size; i++)
        if (image.data[i] == 0xff && image.data[i + 1] == 0xc2) return true;
    return false;
}

// The filter changes nothing, but that it does not see damage in scans of which nothing is used.
void compare_dc_only(Bytes image, const Limits &limits) {
    ImageHeader header = read_header(image);
    if (header.format != ImageFormat::jpeg || !header.damage.empty() || !header.unsupported.empty() ||
        header.pixels() * header.scans > limits.max_pixels)
        return;
    DcOnly filtered = dc_only_of(image, header, true), plain = dc_only_of(image, header, false);
    if (filtered.filtering.used && !plain.error.empty() && is_progressive(image)) return;
    require(filtered.error == plain.error && filtered.pixels.size() == plain.pixels.size());
    for (int y = 0; y < plain.pixels.rows; y++)
        require(std::equal(plain.pixels.ptr(y), plain.pixels.ptr(y) + 3 * plain.pixels.cols,
                           filtered.pixels.ptr(y)));
}

}  // namespace

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
    try {
        compare_dc_only(image, limits);
    } catch (const Error &) {
        // The header's, as before.
    }
    return 0;
}
