// What the libraries and their callers hand each other, beside Status (status.h).
//
// Must not include PostgreSQL, OpenCV or LibTorch, so that libraries and callers can both read it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace imagehash {

// Bytes of an encoded image or of a file, owned by the caller.
struct Bytes {
    const uint8_t *data;
    size_t size;
};

// What imagehash_info() tells of a library, a name and a value each.
struct Fact {
    char name[32];
    char value[160];
};
constexpr int kMaxFacts = 16;

}  // namespace imagehash
