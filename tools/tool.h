// What the tools of this folder share: files in and out, and messages for the person who runs them.
//
// Tools may exit and print; src/vision may not, so this stays here.
#pragma once

#include <torch/script.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "vision/input/preprocess.h"
#include "semantic/train/trainer.h"

namespace imagehash::models {

[[noreturn]] inline void die(const std::string &message) {
    std::fprintf(stderr, "%s\n", message.c_str());
    std::exit(1);
}

inline std::vector<uint8_t> read_file(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) die("cannot read \"" + path + "\"");
    return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_file(const std::string &path, const std::vector<uint8_t> &bytes) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char *>(bytes.data()), bytes.size());
    if (!file.flush()) die("cannot write \"" + path + "\"");
}

// Embeddings of one byte a value: value = 6 * (byte / 255)^2. Returns [n][kShippedLength], row-major.
inline std::vector<float> read_embeddings(const std::string &path) {
    std::vector<uint8_t> bytes = read_file(path);
    if (bytes.empty() || bytes.size() % vision::kShippedLength != 0)
        die("\"" + path + "\" is not a list of embeddings of 1280 bytes");
    std::vector<float> values(bytes.size());
    for (size_t i = 0; i < bytes.size(); i++) {
        float root = static_cast<float>(bytes[i]) / 255;
        values[i] = 6 * root * root;
    }
    return values;
}

inline vision::MatrixView view(const std::vector<float> &embeddings) {
    return {embeddings.data(), embeddings.size() / vision::kShippedLength, vision::kShippedLength};
}

// A TorchScript linear layer, float[N,1280] -> float[N,classes].
inline vision::Classifier read_classifier(const std::string &path) {
    vision::Classifier classifier{};
    try {
        for (const auto &parameter : torch::jit::load(path).named_parameters()) {
            auto t = parameter.value.detach().to(torch::kFloat).contiguous();
            std::vector<float> values(t.data_ptr<float>(), t.data_ptr<float>() + t.numel());
            if (parameter.name == "weight" && t.dim() == 2) {
                classifier.classes = static_cast<int>(t.size(0));
                classifier.input = static_cast<int>(t.size(1));
                classifier.weight = values;
            } else if (parameter.name == "bias") {
                classifier.bias = values;
            }
        }
    } catch (const c10::Error &e) {
        die("cannot load the classifier \"" + path + "\": " + e.what_without_backtrace());
    }
    if (classifier.classes == 0 || classifier.bias.size() != static_cast<size_t>(classifier.classes))
        die("\"" + path + "\" is not a linear classifier");
    return classifier;
}

// Runs a tool and turns what it throws into a message and exit status 1.
inline int run_tool(int (*tool)(int, char **), int argc, char **argv) {
    try {
        return tool(argc, argv);
    } catch (const vision::Error &e) {
        die(e.message);
    } catch (const std::exception &e) {
        die(e.what());
    }
}

}  // namespace imagehash::models
