// What the two doors share: the networks and hashers this process has loaded (engine.cpp).
//
// For api.h and learn.h's implementations only.
#pragma once

#include <memory>
#include <vector>

#include "vision/api.h"
#include "semantic/hasher/hasher.h"
#include "semantic/network/network.h"

namespace imagehash::vision {

// Throw Error(internal) where there is none.
const Network &loaded_network(NetworkId id);
const Hasher &loaded_hasher(HasherId id);

// Forward passes of up to `batch` inputs at a time, and the memory they need: shared with the thread that a
// registered network runs on, so that it outlives a pass that is abandoned.
class ForwardPass {
 public:
    ForwardPass(NetworkId id, int batch);

    // [side][side][3], for write_input().
    float *input(int i);
    // Embeddings of the first `count` inputs; as Network::embed(), and Error(cancelled) or Error(abandoned).
    void run(int count, StopFlag stop);
    // [length]
    const float *embedding(int i) const;

 private:
    struct Memory {
        std::shared_ptr<const Network> network;
        std::vector<float> inputs, embeddings;
    };
    std::shared_ptr<Memory> memory_;
    bool supervised_;
};

}  // namespace imagehash::vision
