// Embeddings of a collection's pictures: made once, by the libraries, and kept in a file for the next run.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/types.h"

namespace imagehash::tools {

struct EmbeddingCache {
    std::string network;  // the file
    std::string network_sha256;
    std::string folder;  // empty it after a change of decoding or preprocessing
};

// What to embed, and under which name to keep it.
struct EmbedTask {
    std::string name;
    std::vector<Bytes> images;
    bool squash;  // resize straight to the input, without keeping the shape
    int views;    // augmented views of each picture; 0: the clean pictures

    size_t values_per_image() const;
};

// [images], or [images][views], of kShippedLength values each. May fork (processes.h); dies where that fails.
std::vector<float> cached_embeddings(const EmbedTask &task, const EmbeddingCache &cache);

}  // namespace imagehash::tools
