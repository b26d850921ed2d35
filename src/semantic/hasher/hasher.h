// A hasher turns an embedding into a short binary code: unit length, one or two linear layers, signs.
//
// It exists apart from the trainer because searching and inserting need only this: a few loops over plain
// floats, the same bits on every x86-64 machine. Centering, scaling and batch norm are folded into the layers
// when one is exported. Must not include PostgreSQL, OpenCV or LibTorch, and must not know how its weights
// came about.
//
// Semantic hashing: R. Salakhutdinov, G. Hinton, "Semantic hashing", 2009; A. Krizhevsky, G. Hinton, "Using
// very deep autoencoders for content-based image retrieval", 2011.
//
// File format, little-endian, nothing after the last float:
//
//   bytes  what
//   4      "IHSH"
//   4      version, 1
//   4      input    length of an embedding, 1 to 65536
//   4      hidden   units of the hidden layer, 1 to 65536; 0 = there is none
//   4      bits     length of a code, 8 to 1024, a multiple of 8
//   4      zero
//   then float32, for each layer: weight[in][out], bias[out]; input -> hidden -> bits, or input -> bits
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace imagehash::semantic {

// y = x * weight + bias.
struct LinearLayer {
    int in;
    int out;
    std::vector<float> weight;  // [in][out], row-major
    std::vector<float> bias;    // [out]
};

class Hasher {
 public:
    // One layer (a linear hasher) or two (ReLU between them). Throws Error(bad_model) where sizes do not fit
    // each other or the limits of the format, or a value is not finite.
    explicit Hasher(const std::vector<LinearLayer> &layers);

    // Reads a file of the format above; the bytes may be hostile. Throws Error(bad_model).
    static Hasher parse(const uint8_t *data, size_t size);
    std::vector<uint8_t> serialize() const;

    int bits() const { return layers_.back().out; }
    int input_length() const { return layers_.front().in; }

    // embedding[input_length()] -> out[bits()], what the last layer puts out. The length of the embedding
    // does not matter, only its direction; the all-zero embedding has none and gets what the biases make
    // alone. Safe to call from several threads. Throws Error(bad_argument) where a value is not finite.
    void logits(const float *embedding, float *out) const;

    // The signs of the logits: out[bits() / 8]; the first bit is the highest bit of out[0], and is set where
    // the logit is above zero. Otherwise as logits().
    void hash(const float *embedding, uint8_t *out) const;

 private:
    // Weights as the inner loop reads them: blocks of kBlock outputs, each block [in][kBlock], padded with
    // zeros.
    struct PackedLayer {
        int in;
        int out;
        std::vector<float> weight;
        std::vector<float> bias;
    };

    static PackedLayer pack(const LinearLayer &layer);
    static LinearLayer unpack(const PackedLayer &layer);
    static void apply(const PackedLayer &layer, const float *x, float *y);
    std::vector<float> run(const float *embedding) const;  // bits() values, and padding

    std::vector<PackedLayer> layers_;
};

}  // namespace imagehash::semantic
