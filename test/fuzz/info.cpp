// libFuzzer target: image_info(), the header readers, on bytes that lie in an allocation of their own size.
//
// What a header says must be in range, and so must what the decoder is told to cut out or overwrite.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "vision/codec/image_header.h"

using namespace imagehash;
using namespace imagehash::vision;

namespace {

void require(bool sound) {
    if (!sound) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    std::vector<uint8_t> own(data, data + size);
    try {
        ImageHeader header = read_header(Bytes{own.data(), own.size()});
        require(header.width > 0 && header.height > 0 && header.width <= INT32_MAX &&
                header.height <= INT32_MAX);
        require(header.orientation >= 1 && header.orientation <= 8);
        require(header.orientation_offset == 0 || header.orientation_offset + 2 <= size);
    } catch (const Error &error) {
        require(error.kind == ErrorKind::bad_image || error.kind == ErrorKind::unsupported);
        require(!error.message.empty());
    }
    return 0;
}
