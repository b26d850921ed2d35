// guarded() of this library, which knows OpenCV's exceptions.
#pragma once

#include <exception>

#include "base/guarded.h"
#include "base/status.h"

namespace imagehash::vision {

// Of cv::Exception: out_of_memory or internal; of any other exception: internal.
Status status_of_exception(const std::exception &error) noexcept;

// Runs callable() and returns what it threw as a Status.
template <class Callable>
Status guarded(Callable &&callable) noexcept {
    return guarded_by(status_of_exception, callable);
}

}  // namespace imagehash::vision
