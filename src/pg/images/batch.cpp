// semantic_hashes(), of an array of images; what it promises is said in sql/imagehash--X.Y.sql.
//
// Images go through the network a batch at a time; interrupts are looked for between two batches. Plain
// structs and palloc memory only.
#include "pg/images/embedding.h"
#include "pg/catalog/lookup.h"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
}

using namespace imagehash;

namespace {

// Elements of one forward pass that are not null.
struct Batch {
    int count;
    int places[semantic::kEmbeddingBatch];  // in the array
    bytea *images[semantic::kEmbeddingBatch];
    float *embeddings;  // [kEmbeddingBatch][length]
};

// Where an error was found; the argument of add_context().
struct Place {
    int element;  // counted from 0
    int count;
};

}  // namespace

// The line that an error about one element gets, as COPY says which line of its input was bad.
static void add_context(void *argument) {
    const Place *place = static_cast<const Place *>(argument);
    errcontext("image %d of an array of %d", place->element + 1, place->count);
}

static void check_element(const Status &status, int element, int count) {
    if (status.ok()) return;
    Place place = {element, count};
    ErrorContextCallback callback = {error_context_stack, add_context, &place};
    error_context_stack = &callback;
    pg::check_status(status);
}

// Hashes what the batch holds into hashes[] at their places, and empties it.
static void hash_batch(const pg::ImageHasher *with, Batch *batch, Datum *hashes, int count) {
    if (batch->count == 0) return;
    CHECK_FOR_INTERRUPTS();
    Bytes bytes[semantic::kEmbeddingBatch];
    Status decoded[semantic::kEmbeddingBatch];
    for (int i = 0; i < batch->count; i++) bytes[i] = pg::image_bytes(batch->images[i]);
    pg::embed_images(with->model, bytes, batch->count, batch->embeddings, decoded);
    for (int i = 0; i < batch->count; i++) {
        check_element(decoded[i], batch->places[i], count);
        const float *embedding = batch->embeddings + static_cast<Size>(i) * with->model->length;
        hashes[batch->places[i]] =
            PointerGetDatum(pg::hash_of_embedding(&with->hasher, embedding, with->model->length));
    }
    batch->count = 0;
}

static Datum hash_images(FunctionCallInfo fcinfo, pg::ImageHasher with) {
    ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
    Oid type = get_element_type(get_func_rettype(fcinfo->flinfo->fn_oid));
    int16 type_length;
    bool type_by_value;
    char type_align;
    get_typlenbyvalalign(type, &type_length, &type_by_value, &type_align);
    Datum *elements;
    bool *nulls;
    int count;
    deconstruct_array(array, BYTEAOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
    if (count == 0) PG_RETURN_ARRAYTYPE_P(construct_empty_array(type));

    pg::use_session_threads();
    Batch batch = {};
    batch.embeddings =
        static_cast<float *>(palloc(sizeof(float) * semantic::kEmbeddingBatch * with.model->length));
    Datum *hashes = static_cast<Datum *>(palloc0(sizeof(Datum) * count));
    for (int i = 0; i < count; i++) {
        if (nulls[i]) continue;
        batch.places[batch.count] = i;
        batch.images[batch.count++] = DatumGetByteaPP(elements[i]);
        if (batch.count == semantic::kEmbeddingBatch) hash_batch(&with, &batch, hashes, count);
    }
    hash_batch(&with, &batch, hashes, count);
    CHECK_FOR_INTERRUPTS();
    PG_RETURN_ARRAYTYPE_P(construct_md_array(hashes, nulls, ARR_NDIM(array), ARR_DIMS(array),
                                             ARR_LBOUND(array), type, type_length, type_by_value,
                                             type_align));
}

IMAGEHASH_FUNCTION(imagehash_semantic_hashes) {
    return hash_images(fcinfo, pg::shipped_image_hasher());
}

IMAGEHASH_FUNCTION(imagehash_semantic_hashes_by) {
    return hash_images(fcinfo, pg::image_hasher_by_name(text_to_cstring(PG_GETARG_TEXT_PP(1))));
}
