// guarded() of this library: what LibTorch's exceptions mean.
#pragma once

#include "base/guarded.h"

namespace imagehash::semantic {

Status status_of_exception(const std::exception &error) noexcept;

template <class Callable>
Status guarded(Callable &&callable) noexcept {
    return guarded_by(status_of_exception, callable);
}

}  // namespace imagehash::semantic
