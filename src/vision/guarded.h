// guarded() of this library: what OpenCV's exceptions mean.
#pragma once

#include "common/guarded.h"

namespace imagehash::vision {

Status status_of_exception(const std::exception &error) noexcept;

template <class Callable>
Status guarded(Callable &&callable) noexcept {
    return guarded_by(status_of_exception, callable);
}

}  // namespace imagehash::vision
