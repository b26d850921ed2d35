// The pretrained network: TorchScript bytes -> embeddings, by the fastest backend that this LibTorch offers.
//
// Which one is fast differs between LibTorch builds by a factor of twenty, and some crash (models/README.md);
// so it is chosen when the network is loaded, checked against the plain module, and given up for a slower one
// if it fails. Must not read files, and must not start a thread while threads_in_use() is 1.
#pragma once

#include <string>

#include <torch/script.h>

#include "semantic/types.h"

namespace imagehash::semantic {

class Network {
 public:
    // float[N,3,side,side] -> float[N,length()]. The bytes are not kept. Throws Error(bad_model).
    Network(Bytes torchscript, const Preprocessing &preprocessing);

    // input[count][side][side][3] as write_input() makes it -> out[count][length()], finite; for a count up
    // to batch() the values do not depend on the other inputs.
    void embed(const float *input, int count, float *out) const;

    const Preprocessing &preprocessing() const { return preprocessing_; }
    // Values of an embedding.
    int length() const { return length_; }
    // kEmbeddingBatch where such a batch gave bit for bit what its inputs give alone, else 1: a hash must not
    // depend on what was hashed beside it.
    int batch() const { return batch_; }
    // "xnnpack", "onednn" or "plain".
    const char *backend() const { return backend_; }
    // Why a faster backend was given up, "" if none was.
    const std::string &note() const { return note_; }

 private:
    mutable torch::jit::Module module_;
    const Preprocessing preprocessing_;
    int length_;
    int batch_;
    const char *backend_;
    std::string note_;
};

// The module as stored, in evaluation mode. Throws Error(bad_model).
torch::jit::Module load_plain_module(Bytes torchscript);

}  // namespace imagehash::semantic
