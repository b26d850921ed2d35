// The pretrained network: TorchScript bytes -> embeddings, in the fastest way this LibTorch offers.
//
// Which way is fast differs between LibTorch builds by a factor of twenty, and some crash (models/README.md);
// so it is chosen when the network is loaded, checked against the plain module, and given up for a slower one
// if it fails. Must not read files, and must not start a thread while threads_in_use() is 1.
#pragma once

#include <string>

#include <torch/script.h>

#include "vision/api.h"

namespace imagehash::vision {

class Network {
 public:
    // float[N,3,224,224] -> float[N,1280]. The bytes are not kept. Throws Error(bad_model).
    explicit Network(Bytes torchscript);

    // input[count][224][224][3] as write_input() makes it -> out[count][1280], finite.
    void embed(const float *input, int count, float *out) const;

    // "xnnpack", "onednn" or "plain".
    const char *way() const { return way_; }
    // Why a faster way was given up, "" if none was.
    const std::string &note() const { return note_; }

 private:
    mutable torch::jit::Module module_;
    const char *way_;
    std::string note_;
};

// The module as stored, in evaluation mode. Throws Error(bad_model).
torch::jit::Module load_plain_module(Bytes torchscript);

}  // namespace imagehash::vision
