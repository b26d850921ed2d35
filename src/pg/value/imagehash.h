// The value: layout, limits and methods of the type `imagehash`.
//
// Inline only: what every room of src/pg and src/index needs of a value.
#pragma once

#include "pg/server/pg.h"

namespace imagehash::pg {

constexpr int kMinBits = 8;
constexpr int kMaxBits = 1024;

// Which function made a hash. Numbers below kFirstSemanticMethod are given out here, once and for all: they
// are stored. A semantic method is taken from the SHA-256 over network and hasher weights.
using Method = uint32;
constexpr Method kMethodUnknown = 0;
constexpr Method kMethodAverage = 1;
constexpr Method kMethodDifference = 2;
constexpr Method kMethodPerceptual = 3;
constexpr Method kMethodWavelet = 4;
constexpr Method kMethodPdq = 5;
constexpr Method kMethodVerticalDifference = 6;
constexpr Method kMethodColor = 7;
constexpr Method kMethodCropResistant = 8;
constexpr Method kLastBuiltInMethod = kMethodCropResistant;
constexpr Method kFirstSemanticMethod = 65536;

// Whether a value can have that method: unknown, one of those above, or a semantic one. What lies between is
// kept for later releases: no text or bytes that this one made hold it.
inline bool is_semantic_method(Method method) {
    return method >= kFirstSemanticMethod;
}
inline bool is_method(Method method) {
    return method <= kLastBuiltInMethod || is_semantic_method(method);
}

// On disk and in memory. Bit 0 of the code, the first in text, is the highest bit of code[0].
struct ImageHash {
    int32 vl_len_;
    Method method;
    uint8 code[FLEXIBLE_ARRAY_MEMBER];

    int bytes() const { return static_cast<int>(VARSIZE(this) - offsetof(ImageHash, code)); }
    int bits() const { return bytes() * 8; }
};

// A palloc'd value; the caller fills code[].
inline ImageHash *make_imagehash(int bits, Method method) {
    Size size = offsetof(ImageHash, code) + bits / 8;
    ImageHash *hash = static_cast<ImageHash *>(palloc0(size));
    SET_VARSIZE(hash, size);
    hash->method = method;
    return hash;
}

inline ImageHash *datum_get_imagehash(Datum datum) {
    return reinterpret_cast<ImageHash *>(PG_DETOAST_DATUM(datum));
}

// Two methods have comparable hashes if they are the same or one is unknown.
inline bool methods_comparable(Method a, Method b) {
    return a == b || a == kMethodUnknown || b == kMethodUnknown;
}

}  // namespace imagehash::pg

#define PG_GETARG_IMAGEHASH(n) imagehash::pg::datum_get_imagehash(PG_GETARG_DATUM(n))
