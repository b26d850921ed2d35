// A function of a library that may or may not be in the process, and whose headers are not ours to include:
// what LibTorch and OpenCV bring along.
#pragma once

#include <dlfcn.h>

namespace imagehash {

// The library that this code is linked into. Its own libraries are local to it (RTLD_LOCAL): only a search
// from here finds them. In a program RTLD_DEFAULT finds everything.
inline void *own_library() {
    static void *const handle = [] {
        Dl_info where;
        if (dladdr(reinterpret_cast<void *>(&own_library), &where) == 0) return RTLD_DEFAULT;
        void *found = dlopen(where.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
        return found ? found : RTLD_DEFAULT;
    }();
    return handle;
}

// Null where there is none. Searches hundreds of libraries: keep the answer.
template <class Function>
Function *find_function(const char *name) {
    return reinterpret_cast<Function *>(dlsym(own_library(), name));
}

}  // namespace imagehash
