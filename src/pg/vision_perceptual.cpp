// SQL functions of the classic hashes and of headers; what they promise is said in sql/imagehash--X.Y.sql.
//
// Each unpacks its arguments, makes one call through vision/api.h and packs the answer. The calls cannot be
// interrupted, so interrupts are looked for around them: a cancelled bulk hash stops within one image.
#include "pg/vision_arguments.h"

extern "C" {
#include "access/htup_details.h"
}

using namespace imagehash;

static Datum perceptual(FunctionCallInfo fcinfo, vision::PerceptualHash which, pg::Method method) {
    bytea *image = PG_GETARG_BYTEA_PP(0);
    CHECK_FOR_INTERRUPTS();
    pg::ImageHash *hash = pg::make_imagehash(vision::kPerceptualHashBytes * 8, method);
    pg::check_status(vision::perceptual_hash(pg::image_bytes(image), which, pg::limits(), hash->code));
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
    pg::check_status(vision::image_info(pg::image_bytes(image), &info));
    PG_FREE_IF_COPY(image, 0);
    Datum values[] = {CStringGetTextDatum(info.format), Int32GetDatum(info.width), Int32GetDatum(info.height),
                      Int32GetDatum(info.orientation)};
    bool nulls[4] = {};
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls)));
}
