#include "classifier.h"

#include <cstddef>
#include <vector>

#include <torch/script.h>

#include "tool.h"

namespace imagehash::tools {

semantic::Classifier read_classifier(const std::string &path) {
    semantic::Classifier classifier{};
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
    } catch (const c10::Error &error) {
        die("cannot load the classifier \"" + path + "\": " + error.what_without_backtrace());
    }
    if (classifier.classes == 0 || classifier.bias.size() != static_cast<size_t>(classifier.classes))
        die("\"" + path + "\" is not a linear classifier");
    return classifier;
}

}  // namespace imagehash::tools
