// Hasher: the file format against hostile bytes, and its bits against a slow reference.
#include "semantic/hasher/hasher.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "base/status.h"

namespace imagehash::semantic {
namespace {

LinearLayer random_layer(int in, int out, std::mt19937 &random) {
    std::normal_distribution<float> normal;
    LinearLayer layer{in, out, std::vector<float>(static_cast<size_t>(in) * out), std::vector<float>(out)};
    for (float &value : layer.weight) value = normal(random);
    for (float &value : layer.bias) value = normal(random);
    return layer;
}

// Widths that fill no block exactly.
std::vector<LinearLayer> random_layers(std::mt19937 &random) {
    return {random_layer(37, 19, random), random_layer(19, 40, random)};
}

std::vector<float> random_embedding(int length, std::mt19937 &random) {
    std::normal_distribution<float> normal;
    std::vector<float> values(length);
    for (float &value : values) value = normal(random);
    return values;
}

std::vector<uint8_t> code_of(const Hasher &hasher, const std::vector<float> &embedding) {
    std::vector<uint8_t> code(hasher.bits() / 8, 0xAA);
    hasher.hash(embedding.data(), code.data());
    return code;
}

// Outputs before the sign, in long double.
std::vector<long double> reference(const std::vector<LinearLayer> &layers,
                                   const std::vector<float> &embedding) {
    long double norm2 = 0;
    for (float value : embedding) norm2 += static_cast<long double>(value) * value;
    std::vector<long double> x(embedding.begin(), embedding.end());
    for (long double &value : x) value /= norm2 > 0 ? std::sqrt(norm2) : 1;
    for (size_t l = 0; l < layers.size(); l++) {
        std::vector<long double> y(layers[l].bias.begin(), layers[l].bias.end());
        for (int i = 0; i < layers[l].in; i++) {
            long double value = l > 0 && x[i] < 0 ? 0 : x[i];
            for (int j = 0; j < layers[l].out; j++)
                y[j] += value * layers[l].weight[static_cast<size_t>(i) * layers[l].out + j];
        }
        x = y;
    }
    return x;
}

void expect_rejected(const std::vector<uint8_t> &bytes) {
    try {
        Hasher::parse(bytes.data(), bytes.size());
        ADD_FAILURE() << "accepted";
    } catch (const Error &e) {
        EXPECT_EQ(e.kind, ErrorKind::bad_model);
        EXPECT_FALSE(e.message.empty());
    }
}

void write_u32(std::vector<uint8_t> &bytes, size_t offset, uint32_t value) {
    for (int i = 0; i < 4; i++) bytes[offset + i] = static_cast<uint8_t>(value >> 8 * i);
}

TEST(Hasher, EqualsASlowReference) {
    std::mt19937 random(1);
    for (bool deep : {true, false}) {
        std::vector<LinearLayer> layers = random_layers(random);
        if (!deep) layers = {random_layer(37, 72, random)};
        Hasher hasher(layers);
        EXPECT_EQ(hasher.input_length(), 37);
        ASSERT_EQ(hasher.bits(), layers.back().out);
        for (int round = 0; round < 200; round++) {
            std::vector<float> embedding = random_embedding(37, random);
            std::vector<uint8_t> code = code_of(hasher, embedding);
            std::vector<long double> expected = reference(layers, embedding);
            for (int j = 0; j < hasher.bits(); j++) {
                // Too near zero for a float to know the sign.
                if (std::fabs(expected[j]) < 1e-4L) continue;
                EXPECT_EQ((code[j / 8] >> (7 - j % 8)) & 1, expected[j] > 0) << "bit " << j;
            }
        }
    }
}

TEST(Hasher, FirstBitIsTheHighestOfTheFirstByte) {
    LinearLayer layer{1, 16, std::vector<float>(16, -1), std::vector<float>(16, 0)};
    layer.weight[0] = layer.weight[9] = 1;
    EXPECT_EQ(code_of(Hasher({layer}), {5}), (std::vector<uint8_t>{0x80, 0x40}));
    EXPECT_EQ(code_of(Hasher({layer}), {-5}), (std::vector<uint8_t>{0x7F, 0xBF}));
}

TEST(Hasher, BitsAreTheSignsOfTheLogits) {
    std::mt19937 random(3);
    Hasher hasher(random_layers(random));
    const std::vector<float> embedding = random_embedding(37, random);
    const std::vector<uint8_t> code = code_of(hasher, embedding);
    std::vector<float> logits(hasher.bits());
    hasher.logits(embedding.data(), logits.data());
    for (int i = 0; i < hasher.bits(); i++)
        EXPECT_EQ(logits[i] > 0, (code[i / 8] >> (7 - i % 8) & 1) != 0) << i;
}

TEST(Hasher, ZeroOutputIsAClearBit) {
    LinearLayer layer{1, 8, std::vector<float>(8, 0), std::vector<float>(8, 0)};
    EXPECT_EQ(code_of(Hasher({layer}), {1}), (std::vector<uint8_t>{0}));
}

TEST(Hasher, OnlyTheDirectionMatters) {
    std::mt19937 random(2);
    Hasher hasher(random_layers(random));
    std::vector<float> embedding = random_embedding(37, random), longer = embedding, shorter = embedding;
    for (float &value : longer) value *= 0x1p60f;
    for (float &value : shorter) value *= 0x1p-60f;
    EXPECT_EQ(code_of(hasher, embedding), code_of(hasher, longer));
    EXPECT_EQ(code_of(hasher, embedding), code_of(hasher, shorter));
}

TEST(Hasher, ZeroEmbeddingGetsTheCodeOfTheBiases) {
    LinearLayer layer{3, 8, std::vector<float>(24, 100), {1, -1, 1, -1, 0, 0, 0, 1}};
    EXPECT_EQ(code_of(Hasher({layer}), {0, 0, 0}), (std::vector<uint8_t>{0xA1}));
}

TEST(Hasher, RefusesEmbeddingsThatAreNotFinite) {
    std::mt19937 random(3);
    Hasher hasher(random_layers(random));
    for (float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
        std::vector<float> embedding = random_embedding(37, random);
        embedding[36] = bad;
        try {
            code_of(hasher, embedding);
            ADD_FAILURE() << "accepted";
        } catch (const Error &e) {
            EXPECT_EQ(e.kind, ErrorKind::bad_argument);
        }
    }
}

TEST(Hasher, SerializeAndParseRoundTrip) {
    std::mt19937 random(4);
    for (const auto &layers : {random_layers(random), {random_layer(37, 72, random)}}) {
        Hasher hasher(layers);
        std::vector<uint8_t> bytes = hasher.serialize();
        Hasher again = Hasher::parse(bytes.data(), bytes.size());
        EXPECT_EQ(again.serialize(), bytes);
        std::vector<float> embedding = random_embedding(37, random);
        EXPECT_EQ(code_of(again, embedding), code_of(hasher, embedding));
    }
}

TEST(Hasher, FileIsLittleEndianAsDocumented) {
    std::vector<float> bias(8, 0);
    bias[0] = 1;
    std::vector<uint8_t> bytes = Hasher({{1, 8, std::vector<float>(8, -2), bias}}).serialize();
    ASSERT_EQ(bytes.size(), 24u + 64u);
    const uint8_t head[] = {'I', 'H', 'S', 'H', 1, 0, 0, 0, 1, 0, 0, 0, 0, 0,
                            0,   0,   8,   0,   0, 0, 0, 0, 0, 0, 0, 0, 0, 0xC0};
    EXPECT_EQ(std::memcmp(bytes.data(), head, sizeof(head)), 0);
    const uint8_t one[] = {0, 0, 0x80, 0x3F};
    EXPECT_EQ(std::memcmp(&bytes[24 + 32], one, sizeof(one)), 0);
}

TEST(Hasher, RejectsEveryTruncationAndTrailingBytes) {
    std::mt19937 random(5);
    std::vector<uint8_t> bytes = Hasher({random_layer(5, 3, random), random_layer(3, 8, random)}).serialize();
    for (size_t size = 0; size < bytes.size(); size++)
        expect_rejected({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)});
    bytes.push_back(0);
    expect_rejected(bytes);
}

TEST(Hasher, RejectsHostileHeaders) {
    std::mt19937 random(6);
    const std::vector<uint8_t> good =
        Hasher({random_layer(5, 3, random), random_layer(3, 8, random)}).serialize();
    const struct {
        size_t offset;
        uint32_t value;
    } cases[] = {
        {0, 0},      {4, 0},           {4, 2},      {8, 0},     {8, 65537}, {8, 0x80000000}, {8, 0xFFFFFFFF},
        {12, 65537}, {12, 0xFFFFFFFF}, {16, 0},     {16, 7},    {16, 12},   {16, 1032},      {16, 0xFFFFFFF8},
        {20, 1},     {8, 65536},       {12, 65536}, {16, 1024}, {12, 0},    {8, 4},
    };
    for (const auto &c : cases) {
        std::vector<uint8_t> bytes = good;
        write_u32(bytes, c.offset, c.value);
        SCOPED_TRACE(testing::Message() << "offset " << c.offset << " value " << c.value);
        expect_rejected(bytes);
    }
}

TEST(Hasher, RejectsWeightsThatAreNotFinite) {
    std::mt19937 random(7);
    const std::vector<uint8_t> good = Hasher({random_layer(2, 8, random)}).serialize();
    for (size_t offset = 24; offset < good.size(); offset += 4) {
        for (uint32_t bad : {0x7F800000u, 0xFF800000u, 0x7FC00000u}) {
            std::vector<uint8_t> bytes = good;
            write_u32(bytes, offset, bad);
            expect_rejected(bytes);
        }
    }
}

TEST(Hasher, SurvivesGarbage) {
    std::mt19937 random(8);
    const std::vector<uint8_t> good =
        Hasher({random_layer(5, 3, random), random_layer(3, 8, random)}).serialize();
    std::vector<uint8_t> code(128);
    for (int round = 0; round < 5000; round++) {
        std::vector<uint8_t> bytes = good;
        for (int i = 0; i < 3; i++) bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
        try {
            Hasher hasher = Hasher::parse(bytes.data(), bytes.size());
            std::vector<float> embedding(hasher.input_length(), 1.0f);
            hasher.hash(embedding.data(), code.data());
        } catch (const Error &e) {
            EXPECT_EQ(e.kind, ErrorKind::bad_model);
        }
    }
}

TEST(Hasher, RejectsLayersThatDoNotFit) {
    std::mt19937 random(9);
    auto layer = [&](int in, int out) { return random_layer(in, out, random); };
    LinearLayer short_bias = layer(4, 8), short_weight = layer(4, 8);
    short_bias.bias.pop_back();
    short_weight.weight.pop_back();
    for (const std::vector<LinearLayer> &layers :
         std::vector<std::vector<LinearLayer>>{{},
                                               {layer(4, 5), layer(6, 8)},
                                               {layer(4, 4), layer(4, 4), layer(4, 8)},
                                               {layer(4, 7)},
                                               {short_bias},
                                               {short_weight}}) {
        EXPECT_THROW(Hasher{layers}, Error);
    }
}

}  // namespace
}  // namespace imagehash::semantic
