// Reads, writes and runs a hasher. Weights are kept in the order in which the inner loop reads them. Every
// output must be summed in the order of the inputs: another order gives other bits on another machine.
#include "semantic/hasher/hasher.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "base/status.h"

namespace imagehash::semantic {

namespace {

constexpr uint8_t kMagic[4] = {'I', 'H', 'S', 'H'};
constexpr uint32_t kVersion = 1;
constexpr size_t kHeaderBytes = 24;
constexpr uint32_t kMaxWidth = 65536;
constexpr uint32_t kMaxBits = 1024;

// Outputs summed side by side: four SSE registers, independent sums that hide the latency of an addition.
// Named vectors of GCC and Clang, because an array of sums stays in memory at -O2.
constexpr int kBlock = 16;
typedef float Quad __attribute__((vector_size(16)));

Quad load_quad(const float *p) {
    Quad quad;
    std::memcpy(&quad, p, sizeof(quad));
    return quad;
}

constexpr int padded(int n) {
    return (n + kBlock - 1) / kBlock * kBlock;
}

[[noreturn]] void fail(const std::string &message) {
    throw Error(ErrorKind::bad_model, message);
}

uint32_t read_u32(const uint8_t *p) {
    return static_cast<uint32_t>(p[0]) | static_cast<uint32_t>(p[1]) << 8 |
           static_cast<uint32_t>(p[2]) << 16 | static_cast<uint32_t>(p[3]) << 24;
}

void append_u32(std::vector<uint8_t> &out, uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<uint8_t>(value >> shift));
}

const uint8_t *read_floats(const uint8_t *p, size_t count, std::vector<float> &out) {
    out.resize(count);
    for (size_t i = 0; i < count; i++, p += 4) {
        uint32_t word = read_u32(p);
        std::memcpy(&out[i], &word, sizeof(word));
    }
    return p;
}

void append_floats(std::vector<uint8_t> &out, const std::vector<float> &values) {
    for (float value : values) {
        uint32_t word;
        std::memcpy(&word, &value, sizeof(word));
        append_u32(out, word);
    }
}

void check_finite(const std::vector<float> &values) {
    for (float value : values)
        if (!std::isfinite(value)) fail("hasher has a weight that is not finite");
}

void check_shape(uint32_t input, uint32_t hidden, uint32_t bits) {
    if (input < 1 || input > kMaxWidth) fail("hasher has an invalid input length: " + std::to_string(input));
    if (hidden > kMaxWidth) fail("hasher has an invalid hidden layer: " + std::to_string(hidden) + " units");
    if (bits < 8 || bits > kMaxBits || bits % 8 != 0)
        fail("hasher has an invalid code length: " + std::to_string(bits) + " bits");
}

// Widths are checked before: at most 2^32 + 2^26 floats a hasher, no overflow.
uint64_t layer_bytes(uint32_t in, uint32_t out) {
    return (static_cast<uint64_t>(in) + 1) * out * 4;
}

uint64_t file_bytes(uint32_t input, uint32_t hidden, uint32_t bits) {
    if (hidden == 0) return kHeaderBytes + layer_bytes(input, bits);
    return kHeaderBytes + layer_bytes(input, hidden) + layer_bytes(hidden, bits);
}

}  // namespace

Hasher::Hasher(const std::vector<LinearLayer> &layers) {
    if (layers.empty() || layers.size() > 2)
        fail("hasher has " + std::to_string(layers.size()) + " layers, not 1 or 2");
    for (const LinearLayer &layer : layers) {
        size_t out = static_cast<size_t>(layer.out);
        if (layer.in < 1 || layer.out < 1 || layer.bias.size() != out ||
            layer.weight.size() != static_cast<size_t>(layer.in) * out)
            fail("hasher has a layer whose weights do not match its shape");
        check_finite(layer.weight);
        check_finite(layer.bias);
    }
    if (layers.front().out != layers.back().in && layers.size() == 2)
        fail("hasher has layers that do not fit each other");
    int hidden = layers.size() == 2 ? layers.front().out : 0;
    check_shape(layers.front().in, hidden, layers.back().out);
    for (const LinearLayer &layer : layers) layers_.push_back(pack(layer));
}

Hasher Hasher::parse(const uint8_t *data, size_t size) {
    if (size < kHeaderBytes) fail("hasher file is truncated: it has " + std::to_string(size) + " bytes");
    if (std::memcmp(data, kMagic, sizeof(kMagic)) != 0)
        fail("not a hasher file: it does not start with \"IHSH\"");
    uint32_t version = read_u32(data + 4);
    if (version != kVersion)
        fail("hasher file has version " + std::to_string(version) + ", this build reads 1");
    uint32_t input = read_u32(data + 8), hidden = read_u32(data + 12), bits = read_u32(data + 16);
    check_shape(input, hidden, bits);
    if (read_u32(data + 20) != 0) fail("hasher file has a reserved field that is not zero");
    // Before anything is allocated: a small file cannot ask for much memory.
    uint64_t expected = file_bytes(input, hidden, bits);
    if (size != expected)
        fail("hasher file has " + std::to_string(size) + " bytes, its header asks for " +
             std::to_string(expected));

    std::vector<LinearLayer> layers;
    const uint8_t *p = data + kHeaderBytes;
    auto read_layer = [&](uint32_t in, uint32_t out) {
        LinearLayer layer{static_cast<int>(in), static_cast<int>(out), {}, {}};
        p = read_floats(p, static_cast<size_t>(in) * out, layer.weight);
        p = read_floats(p, out, layer.bias);
        layers.push_back(std::move(layer));
    };
    if (hidden > 0) read_layer(input, hidden);
    read_layer(hidden > 0 ? hidden : input, bits);
    return Hasher(layers);
}

std::vector<uint8_t> Hasher::serialize() const {
    uint32_t hidden = layers_.size() == 2 ? layers_.front().out : 0;
    std::vector<uint8_t> out(kMagic, kMagic + sizeof(kMagic));
    out.reserve(file_bytes(input_length(), hidden, bits()));
    append_u32(out, kVersion);
    append_u32(out, input_length());
    append_u32(out, hidden);
    append_u32(out, bits());
    append_u32(out, 0);
    for (const PackedLayer &packed : layers_) {
        LinearLayer layer = unpack(packed);
        append_floats(out, layer.weight);
        append_floats(out, layer.bias);
    }
    return out;
}

Hasher::PackedLayer Hasher::pack(const LinearLayer &layer) {
    PackedLayer packed{layer.in, layer.out, {}, layer.bias};
    size_t in = layer.in, out = layer.out;
    packed.bias.resize(padded(layer.out), 0.0f);
    packed.weight.resize(in * padded(layer.out), 0.0f);
    for (size_t i = 0; i < in; i++)
        for (size_t j = 0; j < out; j++)
            packed.weight[(j / kBlock * in + i) * kBlock + j % kBlock] = layer.weight[i * out + j];
    return packed;
}

LinearLayer Hasher::unpack(const PackedLayer &packed) {
    LinearLayer layer{packed.in, packed.out, {}, {packed.bias.begin(), packed.bias.begin() + packed.out}};
    size_t in = packed.in, out = packed.out;
    layer.weight.resize(in * out);
    for (size_t i = 0; i < in; i++)
        for (size_t j = 0; j < out; j++)
            layer.weight[i * out + j] = packed.weight[(j / kBlock * in + i) * kBlock + j % kBlock];
    return layer;
}

// y has room for the padded outputs. Each output is summed in the order of the inputs, whatever the vector
// width.
void Hasher::apply(const PackedLayer &layer, const float *x, float *y) {
    const float *weight = layer.weight.data();
    for (int begin = 0; begin < layer.out; begin += kBlock) {
        const float *bias = &layer.bias[begin];
        Quad s0 = load_quad(bias), s1 = load_quad(bias + 4), s2 = load_quad(bias + 8),
             s3 = load_quad(bias + 12);
        for (int i = 0; i < layer.in; i++, weight += kBlock) {
            s0 += x[i] * load_quad(weight);
            s1 += x[i] * load_quad(weight + 4);
            s2 += x[i] * load_quad(weight + 8);
            s3 += x[i] * load_quad(weight + 12);
        }
        const Quad sums[] = {s0, s1, s2, s3};
        std::memcpy(y + begin, sums, sizeof(sums));
    }
}

std::vector<float> Hasher::run(const float *embedding) const {
    int length = input_length();
    double norm2 = 0;  // the square of any finite float fits a double
    for (int i = 0; i < length; i++) norm2 += static_cast<double>(embedding[i]) * embedding[i];
    if (!std::isfinite(norm2))
        throw Error(ErrorKind::bad_argument, "embedding has a value that is not finite");

    std::vector<float> x(length), y;
    double scale = norm2 > 0 ? 1 / std::sqrt(norm2) : 0;
    for (int i = 0; i < length; i++) x[i] = static_cast<float>(embedding[i] * scale);
    for (size_t l = 0; l < layers_.size(); l++) {
        if (l > 0)
            for (float &value : x) value = value > 0 ? value : 0;
        y.resize(padded(layers_[l].out));
        apply(layers_[l], x.data(), y.data());
        x.swap(y);
    }
    return x;
}

void Hasher::logits(const float *embedding, float *out) const {
    const std::vector<float> values = run(embedding);
    std::copy(values.begin(), values.begin() + bits(), out);
}

void Hasher::hash(const float *embedding, uint8_t *out) const {
    const std::vector<float> values = run(embedding);
    std::memset(out, 0, bits() / 8);
    for (int j = 0; j < bits(); j++)
        if (values[j] > 0) out[j / 8] |= 0x80 >> (j % 8);
}

}  // namespace imagehash::semantic
