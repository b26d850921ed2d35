// SQL functions of the classic hashes and of headers; what they promise is said in sql/imagehash--X.Y.sql.
//
// Each unpacks its arguments, makes one call through vision/api.h and packs the answer. The calls cannot be
// interrupted, so interrupts are looked for around them: a cancelled bulk hash stops within one image.
#include "pg/images/arguments.h"

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

// size x size bits.
static Datum square_hash(FunctionCallInfo fcinfo, vision::PerceptualHash which, pg::Method method) {
    bytea *image = PG_GETARG_BYTEA_PP(0);
    int32 size = PG_GETARG_INT32(1);
    uint8_t code[vision::kMaxPerceptualBytes];
    CHECK_FOR_INTERRUPTS();
    pg::check_status(pg::vision_library().perceptual_hash(pg::image_bytes(image), which, size, pg::limits(), code));
    CHECK_FOR_INTERRUPTS();
    PG_FREE_IF_COPY(image, 0);
    PG_RETURN_POINTER(copy_code(code, size * size / 8, method));
}

IMAGEHASH_FUNCTION(imagehash_average_hash) {
    return square_hash(fcinfo, vision::PerceptualHash::average, pg::kMethodAverage);
}

IMAGEHASH_FUNCTION(imagehash_difference_hash) {
    return square_hash(fcinfo, vision::PerceptualHash::difference, pg::kMethodDifference);
}

IMAGEHASH_FUNCTION(imagehash_vertical_difference_hash) {
    return square_hash(fcinfo, vision::PerceptualHash::vertical_difference, pg::kMethodVerticalDifference);
}

IMAGEHASH_FUNCTION(imagehash_perceptual_hash) {
    return square_hash(fcinfo, vision::PerceptualHash::perceptual, pg::kMethodPerceptual);
}

IMAGEHASH_FUNCTION(imagehash_wavelet_hash) {
    return square_hash(fcinfo, vision::PerceptualHash::wavelet, pg::kMethodWavelet);
}

IMAGEHASH_FUNCTION(imagehash_color_hash) {
    bytea *image = PG_GETARG_BYTEA_PP(0);
    uint8_t code[vision::kMaxPerceptualBytes];
    CHECK_FOR_INTERRUPTS();
    pg::check_status(pg::vision_library().perceptual_hash(pg::image_bytes(image), vision::PerceptualHash::color, 0,
                                             pg::limits(), code));
    CHECK_FOR_INTERRUPTS();
    PG_FREE_IF_COPY(image, 0);
    PG_RETURN_POINTER(copy_code(code, vision::kColorHashBytes, pg::kMethodColor));
}

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
    pg::check_status(pg::vision_library().crop_resistant_hash(pg::image_bytes(image), pg::limits(), codes, &count));
    CHECK_FOR_INTERRUPTS();
    PG_FREE_IF_COPY(image, 0);
    PG_RETURN_DATUM(hash_array(fcinfo, codes[0], count, vision::kSegmentHashBytes, pg::kMethodCropResistant));
}

static int pdq(FunctionCallInfo fcinfo, int variants, uint8_t (*codes)[vision::kPdqBytes]) {
    bytea *image = PG_GETARG_BYTEA_PP(0);
    int quality;
    CHECK_FOR_INTERRUPTS();
    pg::check_status(pg::vision_library().pdq_hash(pg::image_bytes(image), variants, pg::limits(), codes, &quality));
    CHECK_FOR_INTERRUPTS();
    PG_FREE_IF_COPY(image, 0);
    return quality;
}

IMAGEHASH_FUNCTION(imagehash_pdq_hash) {
    uint8_t code[1][vision::kPdqBytes];
    pdq(fcinfo, 1, code);
    PG_RETURN_POINTER(copy_code(code[0], vision::kPdqBytes, pg::kMethodPdq));
}

IMAGEHASH_FUNCTION(imagehash_pdq_quality) {
    PG_RETURN_INT32(pdq(fcinfo, 0, nullptr));
}

IMAGEHASH_FUNCTION(imagehash_pdq_hash_dihedral) {
    uint8_t codes[vision::kDihedralVariants][vision::kPdqBytes];
    pdq(fcinfo, vision::kDihedralVariants, codes);
    PG_RETURN_DATUM(
        hash_array(fcinfo, codes[0], vision::kDihedralVariants, vision::kPdqBytes, pg::kMethodPdq));
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
