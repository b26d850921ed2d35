// See about.h.
#include "semantic/network/about.h"

#include <sstream>
#include <string>

#include <ATen/Context.h>
#include <opencv2/core/utility.hpp>
#include <torch/version.h>

#include "common/guarded.h"
#include "semantic/network/threads.h"

namespace imagehash::vision {

namespace {

class Facts {
 public:
    explicit Facts(Fact *facts) : facts_(facts) {}
    void add(const std::string &name, const std::string &value) {
        if (count_ == kMaxFacts) return;
        copy_text(facts_[count_].name, sizeof(Fact::name), name.c_str());
        copy_text(facts_[count_].value, sizeof(Fact::value), value.empty() ? "unknown" : value.c_str());
        count_++;
    }
    int count() const { return count_; }

 private:
    Fact *facts_;
    int count_ = 0;
};

// What follows "name:" on its line in OpenCV's description of its build; "" where there is no such line.
std::string built_with(const std::string &name) {
    std::istringstream lines(cv::getBuildInformation());
    for (std::string line; std::getline(lines, line);) {
        size_t begin = line.find_first_not_of(' ');
        if (begin == std::string::npos || line.compare(begin, name.size() + 1, name + ":") != 0) continue;
        size_t value = line.find_first_not_of(' ', begin + name.size() + 1);
        return value == std::string::npos ? "" : line.substr(value);
    }
    return "";
}

// Which oneDNN or XNNPACK this LibTorch has decides how fast it can be.
std::string available(bool xnnpack, bool onednn) {
    return std::string(xnnpack ? "xnnpack" : "no xnnpack") + (onednn ? ", onednn" : ", no onednn");
}

}  // namespace

int write_facts(const Network &network, Fact facts[kMaxFacts]) {
    Facts list(facts);
    list.add("libtorch", TORCH_VERSION);
    list.add("libtorch backends",
             available(at::globalContext().isXNNPACKAvailable(), at::Context::hasMKLDNN()));
    list.add("opencv", cv::getVersionString());
    list.add("opencv jpeg", built_with("JPEG"));
    list.add("opencv png", built_with("PNG"));
    list.add("opencv tiff", built_with("TIFF"));
    list.add("opencv webp", built_with("WEBP"));
    list.add("opencv simd", cv::getCPUFeaturesLine());
    list.add("network way", network.note().empty() && network.way() != std::string("plain")
                                ? std::string(network.way()) + ", checked against plain"
                                : std::string(network.way()));
    if (!network.note().empty()) list.add("network note", network.note());
    list.add("network batch", std::to_string(network.batch()));
    list.add("threads in use", std::to_string(threads_in_use()));
    return list.count();
}

}  // namespace imagehash::vision
