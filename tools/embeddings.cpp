#include "embeddings.h"

#include <cstddef>
#include <cstdint>

#include "semantic/types.h"
#include "tool.h"

namespace imagehash::tools {

using semantic::kShippedLength;

std::vector<float> read_embeddings(const std::string &path) {
    std::vector<uint8_t> bytes = read_file(path);
    if (bytes.empty() || bytes.size() % kShippedLength != 0)
        die("\"" + path + "\" is not a list of embeddings of 1280 bytes");
    std::vector<float> values(bytes.size());
    for (size_t i = 0; i < bytes.size(); i++) {
        float root = static_cast<float>(bytes[i]) / 255;
        values[i] = 6 * root * root;
    }
    return values;
}

semantic::MatrixView view(const std::vector<float> &embeddings) {
    return {embeddings.data(), embeddings.size() / kShippedLength, kShippedLength};
}

}  // namespace imagehash::tools
