// What the SQL functions of images share: an image as the libraries take it, and what they refuse.
#pragma once

#include "pg/server/errors.h"
#include "pg/server/libraries.h"
#include "pg/server/settings.h"
#include "pg/value/imagehash.h"

namespace imagehash::pg {

inline vision::Limits limits() {
    const Settings &settings = image_settings();
    return {settings.max_pixels, static_cast<int64>(settings.max_bytes) * 1024, stop_requested};
}

inline Bytes image_bytes(const bytea *image) {
    return Bytes{reinterpret_cast<const uint8_t *>(VARDATA_ANY(image)), VARSIZE_ANY_EXHDR(image)};
}

}  // namespace imagehash::pg
