// The SQL functions of images; what they promise is said in sql/imagehash--X.Y.sql (COMMENT ON).
//
// Each unpacks its arguments, makes one call through vision/api.h and packs the answer. The calls cannot be
// interrupted, so interrupts are looked for around them: a cancelled bulk hash stops within one image.
#include "pg/settings.h"
#include "pg/vision_models.h"

extern "C" {
#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
}

using namespace imagehash;

static const pg::Settings *settings() {
    static const pg::Settings *const found = pg::settings_of_imagehash();
    return found;
}

static vision::Bytes image_bytes(const bytea *image) {
    return vision::Bytes{reinterpret_cast<const uint8_t *>(VARDATA_ANY(image)), VARSIZE_ANY_EXHDR(image)};
}

static Datum perceptual(FunctionCallInfo fcinfo, vision::PerceptualHash which, pg::Method method) {
    bytea *image = PG_GETARG_BYTEA_PP(0);
    CHECK_FOR_INTERRUPTS();
    pg::ImageHash *hash = pg::make_imagehash(vision::kPerceptualHashBytes * 8, method);
    pg::check_status(vision::perceptual_hash(image_bytes(image), which, settings()->max_pixels, hash->code));
    CHECK_FOR_INTERRUPTS();
    PG_FREE_IF_COPY(image, 0);
    PG_RETURN_POINTER(hash);
}

IMAGEHASH_FUNCTION(imagehash_average_hash) {
    return perceptual(fcinfo, vision::PerceptualHash::average, pg::kMethodAverage);
}

IMAGEHASH_FUNCTION(imagehash_difference_hash) {
    return perceptual(fcinfo, vision::PerceptualHash::difference, pg::kMethodDifference);
}

IMAGEHASH_FUNCTION(imagehash_perceptual_hash) {
    return perceptual(fcinfo, vision::PerceptualHash::perceptual, pg::kMethodPerceptual);
}

IMAGEHASH_FUNCTION(imagehash_image_info) {
    bytea *image = PG_GETARG_BYTEA_PP(0);
    TupleDesc descriptor = pg::result_row_type(fcinfo);
    vision::ImageInfo info;
    pg::check_status(vision::image_info(image_bytes(image), &info));
    PG_FREE_IF_COPY(image, 0);
    Datum values[] = {CStringGetTextDatum(info.format), Int32GetDatum(info.width), Int32GetDatum(info.height),
                      Int32GetDatum(info.orientation)};
    bool nulls[4] = {};
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls)));
}

static void embed_argument(FunctionCallInfo fcinfo, float embedding[vision::kEmbeddingLength]) {
    bytea *image = PG_GETARG_BYTEA_PP(0);
    CHECK_FOR_INTERRUPTS();
    // A parallel plan has a process for each core already; threads of several of them spin against each
    // other.
    bool parallel = IsInParallelMode() || IsParallelWorker();
    pg::check_status(vision::set_threads(parallel ? 1 : settings()->threads));
    pg::check_status(vision::embed(image_bytes(image), settings()->max_pixels, embedding));
    CHECK_FOR_INTERRUPTS();
    PG_FREE_IF_COPY(image, 0);
}

static pg::ImageHash *semantic(const float *embedding, int length) {
    pg::ImageHash *hash = pg::make_imagehash(vision::hasher_bits(), pg::semantic_method());
    pg::check_status(vision::hash_embedding(embedding, length, hash->code));
    return hash;
}

IMAGEHASH_FUNCTION(imagehash_image_embedding) {
    pg::load_models(true, false, ERROR);
    float embedding[vision::kEmbeddingLength];
    embed_argument(fcinfo, embedding);
    Datum elements[vision::kEmbeddingLength];
    for (int i = 0; i < vision::kEmbeddingLength; i++) elements[i] = Float4GetDatum(embedding[i]);
    PG_RETURN_ARRAYTYPE_P(
        construct_array(elements, vision::kEmbeddingLength, FLOAT4OID, sizeof(float4), true, TYPALIGN_INT));
}

IMAGEHASH_FUNCTION(imagehash_semantic_hash_of_image) {
    pg::load_models(true, true, ERROR);
    float embedding[vision::kEmbeddingLength];
    embed_argument(fcinfo, embedding);
    PG_RETURN_POINTER(semantic(embedding, vision::kEmbeddingLength));
}

IMAGEHASH_FUNCTION(imagehash_semantic_hash_of_embedding) {
    ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
    if (ARR_NDIM(array) > 1)
        ereport(ERROR,
                (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("embedding must be a one-dimensional array"),
                 errdetail("It has %d dimensions.", ARR_NDIM(array))));
    if (array_contains_nulls(array))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("embedding must not contain nulls")));
    pg::load_models(false, true, ERROR);
    int length = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    pg::ImageHash *hash = semantic(reinterpret_cast<const float *>(ARR_DATA_PTR(array)), length);
    PG_FREE_IF_COPY(array, 0);
    PG_RETURN_POINTER(hash);
}
