// SQL functions of embeddings and semantic hashes; what they promise is said in sql/imagehash--X.Y.sql.
//
// A forward pass of the shipped network cannot be interrupted, so interrupts are looked for around it: a
// cancelled bulk hash stops within one image. One of a registered network is watched
// (semantic/network/supervised.h).
#include "pg/catalog/lookup.h"
#include "pg/images/embedding.h"
#include "pg/images/outcome.h"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/array.h"
}

using namespace imagehash;

// Argument 0: palloc'd, of model->length values; *decoded says why there are none.
static float *embed_argument(FunctionCallInfo fcinfo, const pg::LoadedModel *model, Status *decoded) {
    bytea *image = PG_GETARG_BYTEA_PP(0);
    CHECK_FOR_INTERRUPTS();
    float *embedding = pg::embed_image(model, image, decoded);
    CHECK_FOR_INTERRUPTS();
    PG_FREE_IF_COPY(image, 0);
    return embedding;
}

static Datum embedding_datum(FunctionCallInfo fcinfo, const pg::LoadedModel *model) {
    Status decoded;
    float *embedding = embed_argument(fcinfo, model, &decoded);
    pg::check_status(decoded);
    return PointerGetDatum(pg::real_array(embedding, model->length));
}

// Argument 0: an array without nulls.
static ArrayType *embedding_argument(FunctionCallInfo fcinfo) {
    ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
    if (ARR_NDIM(array) > 1)
        ereport(ERROR,
                (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("embedding must be a one-dimensional array"),
                 errdetail("It has %d dimensions.", ARR_NDIM(array))));
    if (array_contains_nulls(array))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("embedding must not contain nulls")));
    return array;
}

static pg::ImageHash *hash_of_array(const pg::LoadedHasher *hasher, ArrayType *array) {
    int length = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    return pg::hash_of_embedding(hasher, pg::floats_of_doubles(array, length), length);
}

static Datum logits_datum(const pg::LoadedHasher *hasher, const float *embedding, int length) {
    return PointerGetDatum(
        pg::real_array(pg::logits_of_embedding(hasher, embedding, length), hasher->shape.bits));
}

static Datum logits_of_array(const pg::LoadedHasher *hasher, ArrayType *array) {
    int length = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    return logits_datum(hasher, pg::floats_of_doubles(array, length), length);
}

static Datum logits_of_image(FunctionCallInfo fcinfo, pg::ImageHasher with) {
    Status decoded;
    float *embedding = embed_argument(fcinfo, with.model, &decoded);
    pg::check_status(decoded);
    return logits_datum(&with.hasher, embedding, with.model->length);
}

IMAGEHASH_FUNCTION(imagehash_image_embedding) {
    pg::load_shipped(true, false, ERROR);
    return embedding_datum(fcinfo, pg::shipped_model());
}

IMAGEHASH_FUNCTION(imagehash_image_embedding_by) {
    return embedding_datum(fcinfo, pg::model_by_name(text_to_cstring(PG_GETARG_TEXT_PP(1))));
}

static pg::HashOutcome semantic_hash(FunctionCallInfo fcinfo, pg::ImageHasher with) {
    Status decoded;
    float *embedding = embed_argument(fcinfo, with.model, &decoded);
    if (!decoded.ok()) return {nullptr, decoded};
    return {pg::hash_of_embedding(&with.hasher, embedding, with.model->length), decoded};
}

static pg::HashOutcome semantic_hash_by_name(FunctionCallInfo fcinfo) {
    return semantic_hash(fcinfo, pg::image_hasher_by_name(text_to_cstring(PG_GETARG_TEXT_PP(1))));
}

IMAGEHASH_FUNCTION(imagehash_semantic_hash_of_image) {
    return pg::hash_or_error(semantic_hash(fcinfo, pg::shipped_image_hasher()));
}

IMAGEHASH_FUNCTION(imagehash_semantic_hash_of_image_by) {
    return pg::hash_or_error(semantic_hash_by_name(fcinfo));
}

IMAGEHASH_FUNCTION(imagehash_try_semantic_hash) {
    return pg::hash_or_reason(fcinfo, semantic_hash(fcinfo, pg::shipped_image_hasher()));
}

IMAGEHASH_FUNCTION(imagehash_try_semantic_hash_by) {
    return pg::hash_or_reason(fcinfo, semantic_hash_by_name(fcinfo));
}

IMAGEHASH_FUNCTION(imagehash_embedding_hash) {
    ArrayType *array = embedding_argument(fcinfo);
    pg::load_shipped(false, true, ERROR);
    pg::ImageHash *hash = hash_of_array(pg::shipped_hasher(), array);
    PG_FREE_IF_COPY(array, 0);
    PG_RETURN_POINTER(hash);
}

IMAGEHASH_FUNCTION(imagehash_embedding_hash_by) {
    ArrayType *array = embedding_argument(fcinfo);
    const pg::LoadedHasher *hasher = pg::hasher_by_name(text_to_cstring(PG_GETARG_TEXT_PP(1)));
    pg::ImageHash *hash = hash_of_array(hasher, array);
    PG_FREE_IF_COPY(array, 0);
    PG_RETURN_POINTER(hash);
}

IMAGEHASH_FUNCTION(imagehash_semantic_logits) {
    return logits_of_image(fcinfo, pg::shipped_image_hasher());
}

IMAGEHASH_FUNCTION(imagehash_semantic_logits_by) {
    return logits_of_image(fcinfo, pg::image_hasher_by_name(text_to_cstring(PG_GETARG_TEXT_PP(1))));
}

IMAGEHASH_FUNCTION(imagehash_embedding_logits) {
    ArrayType *array = embedding_argument(fcinfo);
    pg::load_shipped(false, true, ERROR);
    return logits_of_array(pg::shipped_hasher(), array);
}

IMAGEHASH_FUNCTION(imagehash_embedding_logits_by) {
    ArrayType *array = embedding_argument(fcinfo);
    return logits_of_array(pg::hasher_by_name(text_to_cstring(PG_GETARG_TEXT_PP(1))), array);
}
