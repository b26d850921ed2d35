// What a long computation remembers of its stop flag.
#pragma once

#include <algorithm>
#include <cstddef>

#include "base/stop.h"

namespace imagehash::hamming {

// A loop that finds asked() true ends early and leaves its result unfinished but valid to read; the one who
// started it looks at stopped() and throws the result away.
class StopMemory {
 public:
    explicit StopMemory(StopFlag flag) : flag_(flag) {}

    // Asks the flag, but not again once it has said yes.
    bool asked() {
        if (!stopped_ && flag_ != nullptr) stopped_ = flag_();
        return stopped_;
    }
    bool stopped() const { return stopped_; }

 private:
    StopFlag flag_;
    bool stopped_ = false;
};

// Codes to compare with some hundred others between two looks at the flag: a few milliseconds on any kernel.
inline size_t codes_between_looks(int words) {
    return std::max<size_t>(64, 2048 / words);
}

}  // namespace imagehash::hamming
