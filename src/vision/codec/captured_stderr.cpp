// Points stderr at a buffer (in glibc it is a variable) and std::cerr at a stream; the destructor restores
// both.
#include "vision/codec/captured_stderr.h"

#include <cstring>
#include <iostream>

namespace imagehash::vision {

CapturedStderr::CapturedStderr() {
#ifdef __GLIBC__
    file_ = fmemopen(buffer_, sizeof(buffer_) - 1, "w");
    if (file_) {
        saved_file_ = stderr;
        stderr = file_;
    }
#endif
    saved_stream_ = std::cerr.rdbuf(stream_.rdbuf());
}

CapturedStderr::~CapturedStderr() {
    std::cerr.rdbuf(saved_stream_);
    std::cerr.clear();
#ifdef __GLIBC__
    if (file_) {
        stderr = saved_file_;
        fclose(file_);
    }
#endif
}

std::string CapturedStderr::text() {
    if (file_) fflush(file_);
    return buffer_ + stream_.str();
}

}  // namespace imagehash::vision
