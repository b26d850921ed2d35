// What the SQL functions of images share: their settings, and bytea as vision/api.h takes it.
#pragma once

#include "pg/settings.h"
#include "pg/vision_models.h"

namespace imagehash::pg {

inline const Settings *vision_settings() {
    static const Settings *const found = settings_of_imagehash();
    return found;
}

inline vision::Limits limits() {
    return {vision_settings()->max_pixels, static_cast<int64>(vision_settings()->max_bytes) * 1024};
}

inline vision::Bytes image_bytes(const bytea *image) {
    return vision::Bytes{reinterpret_cast<const uint8_t *>(VARDATA_ANY(image)), VARSIZE_ANY_EXHDR(image)};
}

}  // namespace imagehash::pg
