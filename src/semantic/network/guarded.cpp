// Translates the exceptions of LibTorch. Must not throw or allocate: it also runs when memory is exhausted.
#include "semantic/network/guarded.h"

#include <cstring>

#include <c10/util/Exception.h>

namespace imagehash::semantic {

namespace {

// LibTorch reports exhausted memory as an ordinary error, and its interpreter wraps what was thrown in a
// traceback whose last line says it.
Status status_of_message(const char *message) noexcept {
    if (strstr(message, "allocate memory") != nullptr || strstr(message, "bad_alloc") != nullptr)
        return make_status(ErrorKind::out_of_memory, "out of memory");
    static const char kMarker[] = "RuntimeError: ";
    for (const char *next; (next = strstr(message, kMarker)) != nullptr;)
        message = next + sizeof(kMarker) - 1;
    return make_status(ErrorKind::internal, message);
}

}  // namespace

Status status_of_exception(const std::exception &error) noexcept {
    auto *of_libtorch = dynamic_cast<const c10::Error *>(&error);
    return status_of_message(of_libtorch ? of_libtorch->what_without_backtrace() : error.what());
}

}  // namespace imagehash::semantic
