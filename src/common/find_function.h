// A function of a library that may or may not be in the process, and whose headers are not ours to include:
// what LibTorch and OpenCV bring along.
#pragma once

#include <dlfcn.h>

namespace imagehash::vision {

// Null where there is none. Searches hundreds of libraries: keep the answer.
template <class Function>
Function *find_function(const char *name) {
    return reinterpret_cast<Function *>(dlsym(RTLD_DEFAULT, name));
}

}  // namespace imagehash::vision
