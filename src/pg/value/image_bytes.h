// Bytes of an image where a hash is expected: a mistake that deserves a message of its own.
#pragma once

#include "pg/value/imagehash.h"

namespace imagehash::pg {

// Whether bytes begin as image files do. What could be a code must begin with a signature that no code has by
// chance.
inline bool look_like_image(const void *bytes, size_t size) {
    struct Signature {
        size_t offset, length;
        const char *bytes;
    };
    static const Signature signatures[] = {
        {0, 8, "\x89PNG\r\n\x1a\n"},
        {0, 6, "GIF87a"},
        {0, 6, "GIF89a"},
        {8, 4, "WEBP"},
        {4, 4, "ftyp"},          // HEIC, AVIF
        {0, 3, "\xff\xd8\xff"},  // JPEG
        {0, 4, "II*\0"},
        {0, 4, "MM\0*"},
        {0, 2, "BM"},
    };
    for (const Signature &signature : signatures) {
        bool could_be_code = size <= kMaxBits / 8;
        if (size < signature.offset + signature.length || (could_be_code && signature.length < 6)) continue;
        if (memcmp(static_cast<const char *>(bytes) + signature.offset, signature.bytes, signature.length) ==
            0)
            return true;
    }
    return false;
}

// ERROR 22023 where the bytes are those of an image.
inline void refuse_image(const void *bytes, size_t size) {
    if (!look_like_image(bytes, size)) return;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("value is an image of %zu bytes, not a hash", size),
                    errhint("Hash it with the function that made the hashes it is compared with, such as "
                            "semantic_hash(image) or perceptual_hash(image).")));
}

}  // namespace imagehash::pg
