// Keeps what image libraries print to stderr out of the server log, and hands it to the error message
// instead.
//
// libjpeg and libpng say what is wrong with an image only on stderr, and OpenCV installs no handler of its
// own: a table of a million slightly odd PNGs would write a million lines to the log, and "could not decode"
// would be all a user hears. Where the C library does not let stderr be replaced (anything but glibc), only
// std::cerr is captured. Process-wide: must only be alive on the main thread while no other thread of this
// library runs.
#pragma once

#include <cstdio>
#include <sstream>
#include <string>

namespace imagehash::vision {

class CapturedStderr {
 public:
    CapturedStderr();
    ~CapturedStderr();
    CapturedStderr(const CapturedStderr &) = delete;
    CapturedStderr &operator=(const CapturedStderr &) = delete;

    // What was printed up to now; the rest of a long text is dropped.
    std::string text();

 private:
    char buffer_[2048] = "";
    FILE *file_ = nullptr;
    FILE *saved_file_ = nullptr;
    std::ostringstream stream_;
    std::streambuf *saved_stream_;
};

}  // namespace imagehash::vision
