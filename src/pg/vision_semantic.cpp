// SQL functions of embeddings and semantic hashes; what they promise is said in sql/imagehash--X.Y.sql.
//
// One forward pass cannot be interrupted, so interrupts are looked for around it: a cancelled bulk hash stops
// within one image.
#include "pg/vision_arguments.h"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/array.h"
}

using namespace imagehash;

// palloc'd, of pg::shipped_model()->length values.
static float *embed_argument(FunctionCallInfo fcinfo) {
    const pg::LoadedModel *model = pg::shipped_model();
    bytea *image = PG_GETARG_BYTEA_PP(0);
    CHECK_FOR_INTERRUPTS();
    pg::check_status(vision::set_threads(pg::threads_of_session()));
    float *embedding = static_cast<float *>(palloc(sizeof(float) * model->length));
    vision::Bytes bytes = pg::image_bytes(image);
    vision::Status decoded;
    pg::check_status(vision::embed(model->network, &bytes, 1, pg::limits(), embedding, &decoded));
    pg::check_status(decoded);
    CHECK_FOR_INTERRUPTS();
    PG_FREE_IF_COPY(image, 0);
    return embedding;
}

static pg::ImageHash *semantic(const float *embedding, int length) {
    const pg::LoadedHasher *hasher = pg::shipped_hasher();
    pg::ImageHash *hash = pg::make_imagehash(hasher->shape.bits, hasher->method);
    pg::check_status(vision::hash_embedding(hasher->hasher, embedding, length, hash->code));
    return hash;
}

IMAGEHASH_FUNCTION(imagehash_image_embedding) {
    pg::load_shipped(true, false, ERROR);
    float *embedding = embed_argument(fcinfo);
    int length = pg::shipped_model()->length;
    Datum *elements = static_cast<Datum *>(palloc(sizeof(Datum) * length));
    for (int i = 0; i < length; i++) elements[i] = Float4GetDatum(embedding[i]);
    PG_RETURN_ARRAYTYPE_P(construct_array(elements, length, FLOAT4OID, sizeof(float4), true, TYPALIGN_INT));
}

IMAGEHASH_FUNCTION(imagehash_semantic_hash_of_image) {
    pg::load_shipped(true, true, ERROR);
    float *embedding = embed_argument(fcinfo);
    PG_RETURN_POINTER(semantic(embedding, pg::shipped_model()->length));
}

IMAGEHASH_FUNCTION(imagehash_semantic_hash_of_embedding) {
    ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
    if (ARR_NDIM(array) > 1)
        ereport(ERROR,
                (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("embedding must be a one-dimensional array"),
                 errdetail("It has %d dimensions.", ARR_NDIM(array))));
    if (array_contains_nulls(array))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("embedding must not contain nulls")));
    pg::load_shipped(false, true, ERROR);
    int length = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    pg::ImageHash *hash = semantic(reinterpret_cast<const float *>(ARR_DATA_PTR(array)), length);
    PG_FREE_IF_COPY(array, 0);
    PG_RETURN_POINTER(hash);
}
