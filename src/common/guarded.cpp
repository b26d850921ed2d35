// The one place in src/vision that catches exceptions; see guarded.h.
//
// Must not throw, and must not allocate: it also runs when memory is exhausted.
#include "common/guarded.h"

#include <cstring>
#include <new>

#include <c10/util/Exception.h>
#include <opencv2/core.hpp>

namespace imagehash::vision {

void copy_text(char *to, size_t size, const char *text) noexcept {
    size_t used = 0;
    for (const char *from = text; *from != '\0' && used + 1 < size; from++) {
        bool blank = *from == ' ' || (*from > 0 && *from < ' ') || *from == 0x7f;
        if (!blank)
            to[used++] = *from > 0 ? *from : '?';
        else if (used > 0 && to[used - 1] != ' ')
            to[used++] = ' ';
    }
    while (used > 0 && (to[used - 1] == ' ' || to[used - 1] == '.')) used--;
    to[used] = '\0';
}

static Status make_status(ErrorKind kind, const char *message, const char *hint = "") {
    Status status;
    status.kind = kind;
    copy_text(status.message, sizeof(status.message), message);
    copy_text(status.hint, sizeof(status.hint) - 1, hint);
    if (status.hint[0] != '\0') strcat(status.hint, ".");
    return status;
}

// LibTorch reports exhausted memory as an ordinary error, and its interpreter wraps what was thrown in a
// traceback whose last line says it.
static Status status_of_message(const char *message) {
    if (strstr(message, "allocate memory") != nullptr || strstr(message, "bad_alloc") != nullptr)
        return make_status(ErrorKind::out_of_memory, "out of memory");
    static const char marker[] = "RuntimeError: ";
    for (const char *next; (next = strstr(message, marker)) != nullptr;) message = next + sizeof(marker) - 1;
    return make_status(ErrorKind::internal, message);
}

Status guarded_call(void (*function)(void *), void *context) noexcept {
    try {
        function(context);
        return make_status(ErrorKind::none, "");
    } catch (const Error &error) {
        return make_status(error.kind, error.message.c_str(), error.hint.c_str());
    } catch (const std::bad_alloc &) {
        return make_status(ErrorKind::out_of_memory, "out of memory");
    } catch (const cv::Exception &error) {
        bool memory = error.code == cv::Error::StsNoMem;
        return make_status(memory ? ErrorKind::out_of_memory : ErrorKind::internal,
                           memory ? "out of memory in OpenCV" : error.err.c_str());
    } catch (const c10::Error &error) {
        return status_of_message(error.what_without_backtrace());
    } catch (const std::exception &error) {
        return status_of_message(error.what());
    } catch (...) {
        return make_status(ErrorKind::internal, "unknown C++ exception");
    }
}

}  // namespace imagehash::vision
