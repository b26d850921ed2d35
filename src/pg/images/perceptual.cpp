// SQL functions of the classic hashes and of headers; what they promise is said in sql/imagehash--X.Y.sql.
//
// Each unpacks its arguments, makes one call through vision/api.h and packs the answer. The calls cannot be
// interrupted, so interrupts are looked for around them: a cancelled bulk hash stops within one image.
#include "pg/images/arguments.h"
#include "pg/images/outcome.h"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
}

using namespace imagehash;

static pg::ImageHash *copy_code(const uint8_t *code, int bytes, pg::Method method) {
    pg::ImageHash *hash = pg::make_imagehash(bytes * 8, method);
    memcpy(hash->code, code, bytes);
    return hash;
}

static pg::HashOutcome outcome_of(const Status &status, const uint8_t *code, int bytes, pg::Method method) {
    return {status.ok() ? copy_code(code, bytes, method) : nullptr, status};
}

// size x size bits.
static pg::HashOutcome square_hash(FunctionCallInfo fcinfo, vision::PerceptualHash which, pg::Method method) {
    bytea *image = PG_GETARG_BYTEA_PP(0);
    int32 size = PG_GETARG_INT32(1);
    uint8_t code[vision::kMaxPerceptualBytes];
    CHECK_FOR_INTERRUPTS();
    Status status =
        pg::vision_library().perceptual_hash(pg::image_bytes(image), which, size, pg::limits(), code);
    CHECK_FOR_INTERRUPTS();
    PG_FREE_IF_COPY(image, 0);
    return outcome_of(status, code, size * size / 8, method);
}

static pg::HashOutcome color_hash(FunctionCallInfo fcinfo) {
    bytea *image = PG_GETARG_BYTEA_PP(0);
    uint8_t code[vision::kMaxPerceptualBytes];
    CHECK_FOR_INTERRUPTS();
    Status status = pg::vision_library().perceptual_hash(
        pg::image_bytes(image), vision::PerceptualHash::color, 0, pg::limits(), code);
    CHECK_FOR_INTERRUPTS();
    PG_FREE_IF_COPY(image, 0);
    return outcome_of(status, code, vision::kColorHashBytes, pg::kMethodColor);
}

// The first `variants` turns; the quality where that is wanted.
static Status pdq_hashes(FunctionCallInfo fcinfo, int variants, uint8_t (*codes)[vision::kPdqBytes],
                         int *quality) {
    bytea *image = PG_GETARG_BYTEA_PP(0);
    CHECK_FOR_INTERRUPTS();
    Status status =
        pg::vision_library().pdq_hash(pg::image_bytes(image), variants, pg::limits(), codes, quality);
    CHECK_FOR_INTERRUPTS();
    PG_FREE_IF_COPY(image, 0);
    return status;
}

static pg::HashOutcome pdq_hash(FunctionCallInfo fcinfo) {
    uint8_t code[1][vision::kPdqBytes];
    int quality;
    Status status = pdq_hashes(fcinfo, 1, code, &quality);
    return outcome_of(status, code[0], vision::kPdqBytes, pg::kMethodPdq);
}

// imagehash_NAME and imagehash_try_NAME.
#define HASH_FUNCTIONS(name, outcome)               \
    IMAGEHASH_FUNCTION(imagehash_##name) {          \
        return pg::hash_or_error(outcome);          \
    }                                               \
    IMAGEHASH_FUNCTION(imagehash_try_##name) {      \
        return pg::hash_or_reason(fcinfo, outcome); \
    }

HASH_FUNCTIONS(average_hash, square_hash(fcinfo, vision::PerceptualHash::average, pg::kMethodAverage))
HASH_FUNCTIONS(difference_hash,
               square_hash(fcinfo, vision::PerceptualHash::difference, pg::kMethodDifference))
HASH_FUNCTIONS(vertical_difference_hash, square_hash(fcinfo, vision::PerceptualHash::vertical_difference,
                                                     pg::kMethodVerticalDifference))
HASH_FUNCTIONS(perceptual_hash,
               square_hash(fcinfo, vision::PerceptualHash::perceptual, pg::kMethodPerceptual))
HASH_FUNCTIONS(wavelet_hash, square_hash(fcinfo, vision::PerceptualHash::wavelet, pg::kMethodWavelet))
HASH_FUNCTIONS(color_hash, color_hash(fcinfo))
HASH_FUNCTIONS(pdq_hash, pdq_hash(fcinfo))

// An array of the type that the called function says it returns.
static Datum hash_array(FunctionCallInfo fcinfo, const uint8_t *codes, int count, int bytes,
                        pg::Method method) {
    Datum *hashes = static_cast<Datum *>(palloc(count * sizeof(Datum)));
    for (int i = 0; i < count; i++) hashes[i] = PointerGetDatum(copy_code(codes + i * bytes, bytes, method));
    Oid type = get_element_type(get_func_rettype(fcinfo->flinfo->fn_oid));
    return PointerGetDatum(construct_array(hashes, count, type, -1, false, TYPALIGN_INT));
}

IMAGEHASH_FUNCTION(imagehash_crop_resistant_hash) {
    bytea *image = PG_GETARG_BYTEA_PP(0);
    uint8_t codes[vision::kMaxSegments][vision::kSegmentHashBytes];
    int count;
    CHECK_FOR_INTERRUPTS();
    pg::check_status(
        pg::vision_library().crop_resistant_hash(pg::image_bytes(image), pg::limits(), codes, &count));
    CHECK_FOR_INTERRUPTS();
    PG_FREE_IF_COPY(image, 0);
    PG_RETURN_DATUM(hash_array(fcinfo, codes[0], count, vision::kSegmentHashBytes, pg::kMethodCropResistant));
}

IMAGEHASH_FUNCTION(imagehash_pdq_quality) {
    int quality;
    pg::check_status(pdq_hashes(fcinfo, 0, nullptr, &quality));
    PG_RETURN_INT32(quality);
}

IMAGEHASH_FUNCTION(imagehash_pdq_hash_dihedral) {
    uint8_t codes[vision::kDihedralVariants][vision::kPdqBytes];
    int quality;
    pg::check_status(pdq_hashes(fcinfo, vision::kDihedralVariants, codes, &quality));
    PG_RETURN_DATUM(
        hash_array(fcinfo, codes[0], vision::kDihedralVariants, vision::kPdqBytes, pg::kMethodPdq));
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

IMAGEHASH_FUNCTION(imagehash_image_info) {
    bytea *image = PG_GETARG_BYTEA_PP(0);
    TupleDesc descriptor = pg::result_row_type(fcinfo);
    vision::ImageInfo info;
    pg::check_status(pg::vision_library().image_info(pg::image_bytes(image), &info));
    PG_FREE_IF_COPY(image, 0);
    Datum values[] = {CStringGetTextDatum(info.format), Int32GetDatum(info.width), Int32GetDatum(info.height),
                      Int32GetDatum(info.orientation)};
    bool nulls[4] = {};
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls)));
}
