// Translates OpenCV's exceptions. Must not throw or allocate: it also runs when memory is exhausted.
#include "vision/guarded.h"

#include <opencv2/core.hpp>

namespace imagehash::vision {

Status status_of_exception(const std::exception &error) noexcept {
    auto *of_opencv = dynamic_cast<const cv::Exception *>(&error);
    if (of_opencv == nullptr) return make_status(ErrorKind::internal, error.what());
    bool memory = of_opencv->code == cv::Error::StsNoMem;
    return make_status(memory ? ErrorKind::out_of_memory : ErrorKind::internal,
                       memory ? "out of memory in OpenCV" : of_opencv->err.c_str());
}

}  // namespace imagehash::vision
