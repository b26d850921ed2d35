// SQL functions for images that may be bad: NULL and the reason instead of an ERROR, for loading a dirty
// collection.
//
// They look at the Status that src/vision returns, so no subtransaction is needed, and a plan that uses them
// can be parallel. Only what is wrong with the image becomes a row; a cancel, exhausted memory or a damaged
// model file stay errors, which another image would not avoid.
#include "pg/images/embedding.h"
#include "pg/catalog/lookup.h"

extern "C" {
#include "access/htup_details.h"
}

using namespace imagehash;

static const int hash_size = 8;  // 8 x 8 bits, as perceptual_hash(image) without a size

// (hash, sqlstate, error): a hash and nulls, or NULL and why.
static Datum result_row(FunctionCallInfo fcinfo, pg::ImageHash *hash, const Status &status) {
    TupleDesc descriptor = pg::result_row_type(fcinfo);
    Datum values[3] = {};
    bool nulls[3] = {!status.ok(), status.ok(), status.ok()};
    if (status.ok()) {
        values[0] = PointerGetDatum(hash);
    } else {
        if (!pg::is_fault_of_image(status)) pg::check_status(status);
        values[1] = CStringGetTextDatum(unpack_sql_state(pg::sqlstate_of(status.kind)));
        values[2] = CStringGetTextDatum(status.message);
    }
    return HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls));
}

IMAGEHASH_FUNCTION(imagehash_try_perceptual_hash) {
    bytea *image = PG_GETARG_BYTEA_PP(0);
    CHECK_FOR_INTERRUPTS();
    pg::ImageHash *hash = pg::make_imagehash(hash_size * hash_size, pg::kMethodPerceptual);
    Status status = pg::vision_library().perceptual_hash(
        pg::image_bytes(image), vision::PerceptualHash::perceptual, hash_size, pg::limits(), hash->code);
    CHECK_FOR_INTERRUPTS();
    PG_FREE_IF_COPY(image, 0);
    PG_RETURN_DATUM(result_row(fcinfo, hash, status));
}

static Datum try_semantic(FunctionCallInfo fcinfo, pg::ImageHasher with) {
    bytea *image = PG_GETARG_BYTEA_PP(0);
    CHECK_FOR_INTERRUPTS();
    Status status;
    float *embedding = pg::embed_image(with.model, image, &status);
    pg::ImageHash *hash =
        status.ok() ? pg::hash_of_embedding(&with.hasher, embedding, with.model->length) : nullptr;
    CHECK_FOR_INTERRUPTS();
    PG_FREE_IF_COPY(image, 0);
    PG_RETURN_DATUM(result_row(fcinfo, hash, status));
}

IMAGEHASH_FUNCTION(imagehash_try_semantic_hash) {
    return try_semantic(fcinfo, pg::shipped_image_hasher());
}

IMAGEHASH_FUNCTION(imagehash_try_semantic_hash_by) {
    return try_semantic(fcinfo, pg::image_hasher_by_name(text_to_cstring(PG_GETARG_TEXT_PP(1))));
}

// Why an image cannot be decoded; NULL where it can.
IMAGEHASH_FUNCTION(imagehash_image_error) {
    bytea *image = PG_GETARG_BYTEA_PP(0);
    CHECK_FOR_INTERRUPTS();
    Status status = pg::vision_library().try_image(pg::image_bytes(image), pg::limits());
    CHECK_FOR_INTERRUPTS();
    PG_FREE_IF_COPY(image, 0);
    if (status.ok()) PG_RETURN_NULL();
    if (!pg::is_fault_of_image(status)) pg::check_status(status);
    PG_RETURN_TEXT_P(cstring_to_text(status.message));
}
