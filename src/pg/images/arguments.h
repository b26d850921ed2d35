// What the SQL functions of images share: their settings, and bytea as vision/api.h takes it.
#pragma once

#include "pg/server/settings.h"
#include "pg/catalog/model_files.h"

extern "C" {
#include "access/parallel.h"
#include "access/xact.h"
#include "utils/array.h"
}

namespace imagehash::pg {

inline const Settings *vision_settings() {
    static const Settings *const found = settings_of_imagehash();
    return found;
}

inline vision::Limits limits() {
    return {vision_settings()->max_pixels, static_cast<int64>(vision_settings()->max_bytes) * 1024,
            stop_requested};
}

// Before images are embedded. A parallel plan has a process for each core already; threads of several of them
// spin against each other.
inline int threads_of_session() {
    return IsInParallelMode() || IsParallelWorker() ? 1 : vision_settings()->threads;
}

inline vision::Bytes image_bytes(const bytea *image) {
    return vision::Bytes{reinterpret_cast<const uint8_t *>(VARDATA_ANY(image)), VARSIZE_ANY_EXHDR(image)};
}

// Values of the image's embedding (palloc); *decoded says why there are none.
inline float *embed_image(const LoadedModel *model, const bytea *image, vision::Status *decoded) {
    check_status(vision::set_threads(threads_of_session()));
    float *embedding = static_cast<float *>(palloc(sizeof(float) * model->length));
    vision::Bytes bytes = image_bytes(image);
    check_status(vision::embed(model->network, &bytes, 1, limits(), embedding, decoded));
    return embedding;
}

// The values of an embedding of double precision, without nulls, as hashers take them (palloc). One that is too
// large for a float is not finite to them.
inline float *floats_of_doubles(ArrayType *array, int length) {
    auto values = reinterpret_cast<const float8 *>(ARR_DATA_PTR(array));
    float *floats = static_cast<float *>(palloc(sizeof(float) * Max(length, 1)));
    for (int i = 0; i < length; i++) floats[i] = static_cast<float>(values[i]);
    return floats;
}

inline ImageHash *hash_of_embedding(const LoadedHasher *hasher, const float *embedding, int length) {
    ImageHash *hash = make_imagehash(hasher->shape.bits, hasher->method);
    check_status(vision::hash_embedding(hasher->hasher, embedding, length, hash->code));
    return hash;
}

}  // namespace imagehash::pg
