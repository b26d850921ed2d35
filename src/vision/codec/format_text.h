// snprintf into a std::string, for messages.
#pragma once

#include <string>

namespace imagehash::vision {

// Texts longer than 255 bytes are cut.
std::string format_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

}  // namespace imagehash::vision
