// Formats into a buffer on the stack: messages are short.
#include "vision/codec/format_text.h"

#include <cstdarg>
#include <cstdio>

namespace imagehash::vision {

std::string format_text(const char *format, ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return text;
}

}  // namespace imagehash::vision
