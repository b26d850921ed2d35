// Versions are those of the libraries that run, not of the headers.
#include "vision/about.h"

#include <sstream>
#include <string>

#include <opencv2/core/utility.hpp>

#include "common/facts.h"

namespace imagehash::vision {

// What follows "name:" on its line in OpenCV's description of its build; "" where there is no such line.
static std::string built_with(const std::string &name) {
    std::istringstream lines(cv::getBuildInformation());
    for (std::string line; std::getline(lines, line);) {
        size_t begin = line.find_first_not_of(' ');
        if (begin == std::string::npos || line.compare(begin, name.size() + 1, name + ":") != 0) continue;
        size_t value = line.find_first_not_of(' ', begin + name.size() + 1);
        return value == std::string::npos ? "" : line.substr(value);
    }
    return "";
}

int write_facts(Fact facts[kMaxFacts]) {
    Facts list(facts);
    list.add("opencv", cv::getVersionString());
    list.add("opencv jpeg", built_with("JPEG"));
    list.add("opencv png", built_with("PNG"));
    list.add("opencv tiff", built_with("TIFF"));
    list.add("opencv webp", built_with("WEBP"));
    list.add("opencv simd", cv::getCPUFeaturesLine());
    return list.count();
}

}  // namespace imagehash::vision
