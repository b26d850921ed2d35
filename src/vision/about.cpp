// Asks the libraries that run, not the headers that this was compiled with, for their versions.
#include "vision/about.h"

#include <sstream>
#include <string>

#include <opencv2/core/utility.hpp>

#include "base/facts.h"

namespace imagehash::vision {

namespace {

// What follows "name:" on its line in OpenCV's description of its build; "" if there is no such line.
std::string build_setting(const std::string &name) {
    std::istringstream lines(cv::getBuildInformation());
    for (std::string line; std::getline(lines, line);) {
        size_t begin = line.find_first_not_of(' ');
        if (begin == std::string::npos || line.compare(begin, name.size() + 1, name + ":") != 0) continue;
        size_t value = line.find_first_not_of(' ', begin + name.size() + 1);
        return value == std::string::npos ? "" : line.substr(value);
    }
    return "";
}

}  // namespace

int write_facts(Fact facts[kMaxFacts]) {
    Facts list(facts);
    list.add("opencv", cv::getVersionString());
    list.add("opencv jpeg", build_setting("JPEG"));
    list.add("opencv png", build_setting("PNG"));
    list.add("opencv tiff", build_setting("TIFF"));
    list.add("opencv webp", build_setting("WEBP"));
    list.add("opencv simd", cv::getCPUFeaturesLine());
    return list.count();
}

}  // namespace imagehash::vision
