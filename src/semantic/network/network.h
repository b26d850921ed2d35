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
    // float[N,3,side,side] -> float[N,length()]. The bytes are not kept. Throws Error(bad_model).
    Network(Bytes torchscript, const InputRecipe &recipe);

    // input[count][side][side][3] as write_input() makes it -> out[count][length()], finite; for a count up
    // to batch() the values do not depend on the other inputs.
    void embed(const float *input, int count, float *out) const;

    const InputRecipe &recipe() const { return recipe_; }
    // Values of an embedding.
    int length() const { return length_; }
    // kEmbeddingBatch where such a batch gave bit for bit what its inputs give alone, else 1: a hash must not
    // depend on its neighbours.
    int batch() const { return batch_; }
    // "xnnpack", "onednn" or "plain".
    const char *way() const { return way_; }
    // Why a faster way was given up, "" if none was.
    const std::string &note() const { return note_; }

 private:
    mutable torch::jit::Module module_;
    const InputRecipe recipe_;
    int length_;
    int batch_;
    const char *way_;
    std::string note_;
};

// The module as stored, in evaluation mode. Throws Error(bad_model).
torch::jit::Module load_plain_module(Bytes torchscript);

}  // namespace imagehash::vision
