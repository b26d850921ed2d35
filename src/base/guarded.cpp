// The one place that catches exceptions.
//
// Must not throw, and must not allocate: it also runs when memory is exhausted.
#include "base/guarded.h"

#include <cstring>
#include <new>

namespace imagehash {

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

Status make_status(ErrorKind kind, const char *message, const char *hint) noexcept {
    Status status;
    status.kind = kind;
    copy_text(status.message, sizeof(status.message), message);
    copy_text(status.hint, sizeof(status.hint) - 1, hint);
    if (status.hint[0] != '\0') strcat(status.hint, ".");
    return status;
}

Status guarded_call(void (*function)(void *), void *context, Translator translate) noexcept {
    try {
        function(context);
        return make_status(ErrorKind::none, "");
    } catch (const Error &error) {
        return make_status(error.kind, error.message.c_str(), error.hint.c_str());
    } catch (const std::bad_alloc &) {
        return make_status(ErrorKind::out_of_memory, "out of memory");
    } catch (const std::exception &error) {
        return translate(error);
    } catch (...) {
        return make_status(ErrorKind::internal, "unknown C++ exception");
    }
}

}  // namespace imagehash
