// Names of the methods, and the errors about hashes that cannot be compared.
#pragma once

#include "pg/value/imagehash.h"

namespace imagehash::pg {

// Room for a method's name with its final zero.
constexpr int kMethodNameSize = 32;

// "perceptual", "semantic-1a2b3c4d", ...; "unknown" for 0.
void method_name(Method method, char name[kMethodNameSize]);

// The inverse, for `length` characters; false where no method has that name. "unknown" is not accepted: an
// unknown method is written by leaving it out.
bool method_by_name(const char *name, int length, Method *method);

// The two for semantic methods alone; inline, for the vision module.
inline void semantic_method_name(Method method, char name[kMethodNameSize]) {
    snprintf(name, kMethodNameSize, "semantic-%08x", method);
}
inline bool semantic_method_from_name(const char *name, Method *method) {
    constexpr size_t prefix = sizeof("semantic-") - 1;
    if (strlen(name) != prefix + 8 || strncmp(name, "semantic-", prefix) != 0 ||
        strspn(name + prefix, "0123456789abcdef") != 8)
        return false;
    *method = static_cast<Method>(strtoul(name + prefix, nullptr, 16));
    return is_semantic_method(*method);
}

// ERROR unless a distance between the two is defined: same length, and not of two known, different methods.
void require_comparable(const ImageHash *a, const ImageHash *b);

}  // namespace imagehash::pg
