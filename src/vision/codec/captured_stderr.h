// Captures what image libraries print to stderr, for the error message; otherwise it would go to the server
// log.
//
// OpenCV and libraries below it print what is wrong with an image. A million slightly odd images would write
// a million lines to the log, and a user would read no more than "cannot be decoded". Without glibc stderr
// cannot be replaced; then only std::cerr is captured. It is process-wide: must only be alive on the main
// thread while no other thread of this library runs.
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

    // What was printed so far; the end of a long text is dropped.
    std::string text();

 private:
    char buffer_[2048] = "";
    FILE *file_ = nullptr;
    FILE *saved_file_ = nullptr;
    std::ostringstream stream_;
    std::streambuf *saved_stream_;
};

}  // namespace imagehash::vision
