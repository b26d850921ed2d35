// Gives a caller the chance to end a long computation.
#pragma once

#include <algorithm>
#include <cstddef>

namespace imagehash::hamming {

// A loop that finds asked() true ends early and leaves its result unfinished but valid to read; the one who
// started it looks at stopped() and throws the result away.
class Stop {
 public:
    Stop(bool (*stop)(void *), void *argument) : stop_(stop), argument_(argument) {}

    bool asked() {
        if (!stopped_ && stop_ != nullptr) stopped_ = stop_(argument_);
        return stopped_;
    }
    bool stopped() const { return stopped_; }

 private:
    bool (*stop_)(void *);
    void *argument_;
    bool stopped_ = false;
};

// Codes to compare with some hundred others between two looks at Stop: a few milliseconds on any kernel.
inline size_t codes_between_looks(int words) {
    return std::max<size_t>(64, 2048 / words);
}

}  // namespace imagehash::hamming
