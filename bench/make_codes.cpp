// Writes the codes of the bench, one a line in hexadecimal: the text of type imagehash, which COPY reads, and
// flat_scan too. Two files, the queries and the rows; no query is among the rows but by chance.
//
// Deterministic: the same arguments give the same files. Plain C++17, no server. Must not decide what is
// measured on the codes.
//
//   uniform           each bit a coin
//   L32               signs of random projections of a mixture of 2000 Gaussians in 32 dimensions: stands for
//                     codes of convolutional networks
//   real    FILE      codes of a file, BITS / 8 bytes each; the rows repeat them, from the second time on
//                     with 0 to 6 bits flipped
//   trained FILE MODEL  the same from embeddings (1280 bytes each, value = 6 * (byte / 255)^2) and a hasher
//                     that was trained on them
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "semantic/hasher/hasher.h"

namespace {

using Code = std::vector<uint8_t>;

constexpr int kLatent = 32;        // dimensions of L32
constexpr int kComponents = 2000;  // Gaussians of L32
constexpr float kSpread = 0.6f;    // their standard deviation, in that of their centers
constexpr int kEmbedding = 1280;   // bytes of an embedding
constexpr int kFlips = 6;          // at most, in a repeated code

[[noreturn]] void die(const std::string &message) {
    std::fprintf(stderr, "make_codes: %s\n", message.c_str());
    std::exit(1);
}

// xoshiro256**, seeded by splitmix64: the standard library's distributions differ between implementations.
class Random {
 public:
    explicit Random(uint64_t seed) {
        for (uint64_t &word : state_) {
            seed += 0x9E3779B97F4A7C15;
            uint64_t z = seed;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            word = z ^ (z >> 31);
        }
    }

    uint64_t next() {
        uint64_t result = rotate(state_[1] * 5, 7) * 9, t = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= t;
        state_[3] = rotate(state_[3], 45);
        return result;
    }

    uint32_t below(uint32_t n) { return ((next() >> 32) * n) >> 32; }

    float gauss() {
        double u = (next() >> 11) * 0x1p-53, v = (next() >> 11) * 0x1p-53;
        return std::sqrt(-2 * std::log(1 - u)) * std::cos(6.283185307179586 * v);
    }

 private:
    static uint64_t rotate(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
    uint64_t state_[4];
};

std::vector<uint8_t> read_file(const std::string &path) {
    std::FILE *file = std::fopen(path.c_str(), "rb");
    if (!file) die("cannot open \"" + path + "\"");
    std::vector<uint8_t> bytes;
    uint8_t buffer[1 << 16];
    for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, file)) > 0;)
        bytes.insert(bytes.end(), buffer, buffer + n);
    std::fclose(file);
    return bytes;
}

// A generator gives the next code at each call.
using Generator = std::function<void(Code &)>;

Generator uniform(uint64_t seed) {
    return [random = Random(seed)](Code &code) mutable {
        for (uint8_t &byte : code) byte = random.next() >> 56;
    };
}

Generator mixture(int bits, uint64_t seed) {
    Random random(seed);
    std::vector<float> centers(kComponents * kLatent), projection(size_t(kLatent) * bits);
    for (float &x : centers) x = random.gauss();
    for (float &x : projection) x = random.gauss();
    return [=, sums = std::vector<float>(bits)](Code &code) mutable {
        const float *center = &centers[random.below(kComponents) * kLatent];
        std::fill(sums.begin(), sums.end(), 0.0f);
        for (int i = 0; i < kLatent; i++) {
            float value = center[i] + kSpread * random.gauss();
            const float *row = &projection[size_t(i) * bits];
            for (int bit = 0; bit < bits; bit++) sums[bit] += value * row[bit];
        }
        std::fill(code.begin(), code.end(), 0);
        for (int bit = 0; bit < bits; bit++) code[bit / 8] |= (sums[bit] > 0) << (7 - bit % 8);
    };
}

// The first `queries` codes once each; then the others over and over.
Generator repeated(std::vector<uint8_t> codes, int bits, size_t queries, uint64_t seed) {
    size_t length = bits / 8, count = codes.size() / length;
    if (count <= queries) die("only " + std::to_string(count) + " codes in the file");
    return [=, random = Random(seed), at = size_t{0}, again = false](Code &code) mutable {
        std::copy_n(&codes[at * length], length, code.begin());
        for (uint32_t flips = again ? random.below(kFlips + 1) : 0; flips > 0; flips--) {
            uint32_t bit = random.below(bits);
            code[bit / 8] ^= 1 << bit % 8;
        }
        if (++at == count) at = queries, again = true;
    };
}

std::vector<uint8_t> hash_embeddings(const std::string &path, const std::string &model, int bits) {
    std::vector<uint8_t> file = read_file(path), weights = read_file(model);
    auto hasher = imagehash::semantic::Hasher::parse(weights.data(), weights.size());
    if (hasher.bits() != bits || hasher.input_length() != kEmbedding)
        die("\"" + model + "\" makes codes of " + std::to_string(hasher.bits()) + " bits");
    std::vector<uint8_t> codes(file.size() / kEmbedding * (bits / 8));
    std::vector<float> embedding(kEmbedding);
    for (size_t i = 0; i < file.size() / kEmbedding; i++) {
        for (int j = 0; j < kEmbedding; j++) {
            float x = file[i * kEmbedding + j] / 255.0f;
            embedding[j] = 6 * x * x;
        }
        hasher.hash(embedding.data(), &codes[i * (bits / 8)]);
    }
    return codes;
}

void write_codes(const std::string &path, size_t count, int bits, const Generator &next) {
    std::FILE *file = std::fopen(path.c_str(), "wb");
    if (!file) die("cannot write \"" + path + "\"");
    Code code(bits / 8);
    std::string line(bits / 4, '0');
    line += '\n';
    for (size_t i = 0; i < count; i++) {
        next(code);
        for (int j = 0; j < bits / 4; j++)
            line[j] = "0123456789abcdef"[(j % 2 ? code[j / 2] : code[j / 2] >> 4) & 15];
        std::fwrite(line.data(), 1, line.size(), file);
    }
    if (std::fclose(file) != 0) die("cannot write \"" + path + "\"");
}

Generator generator(const std::string &kind, int bits, size_t queries, uint64_t seed, char **files,
                    int count) {
    if (kind == "uniform" && count == 0) return uniform(seed);
    if (kind == "L32" && count == 0) return mixture(bits, seed);
    if (kind == "real" && count == 1) return repeated(read_file(files[0]), bits, queries, seed);
    if (kind == "trained" && count == 2)
        return repeated(hash_embeddings(files[0], files[1], bits), bits, queries, seed);
    die("unknown kind \"" + kind + "\", or not the files it needs");
}

}  // namespace

int main(int argc, char **argv) {
    if (argc < 8) die("usage: make_codes KIND BITS ROWS QUERIES SEED ROWS_OUT QUERIES_OUT [FILE...]");
    int bits = std::atoi(argv[2]);
    size_t rows = std::strtoull(argv[3], nullptr, 10), queries = std::strtoull(argv[4], nullptr, 10);
    uint64_t seed = std::strtoull(argv[5], nullptr, 10);
    if (bits < 8 || bits > 1024 || bits % 8 != 0) die("BITS must be a multiple of 8 from 8 to 1024");
    Generator next = generator(argv[1], bits, queries, seed, argv + 8, argc - 8);
    // A std::function copies its state when copied, so both files must come from this one.
    write_codes(argv[7], queries, bits, std::ref(next));
    write_codes(argv[6], rows, bits, std::ref(next));
}
