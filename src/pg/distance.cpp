// Hamming distance, and the questions asked of it: <~>, hamming_within(), hash <@ ball, ~=.
#include "hamming/distance.h"
#include "pg/ball.h"
#include "pg/methods.h"

extern "C" {
#include "executor/executor.h"
}

namespace imagehash::pg {

bool get_ball(Datum datum, Ball *ball) {
    HeapTupleHeader tuple = DatumGetHeapTupleHeader(datum);
    bool center_is_null, radius_is_null;
    Datum center = GetAttributeByNum(tuple, 1, &center_is_null);
    Datum radius = GetAttributeByNum(tuple, 2, &radius_is_null);
    if (center_is_null || radius_is_null) return false;
    ball->center = datum_get_imagehash(center);
    ball->radius = DatumGetInt32(radius);
    return true;
}

static int distance_of(const ImageHash *a, const ImageHash *b) {
    require_comparable(a, b);
    return hamming::distance(a->code, b->code, a->bytes());
}

}  // namespace imagehash::pg

using namespace imagehash::pg;

IMAGEHASH_FUNCTION(imagehash_distance) {
    PG_RETURN_INT32(distance_of(PG_GETARG_IMAGEHASH(0), PG_GETARG_IMAGEHASH(1)));
}

IMAGEHASH_FUNCTION(imagehash_within) {
    PG_RETURN_BOOL(distance_of(PG_GETARG_IMAGEHASH(0), PG_GETARG_IMAGEHASH(1)) <= PG_GETARG_INT32(2));
}

IMAGEHASH_FUNCTION(imagehash_in_ball) {
    Ball ball;
    if (!get_ball(PG_GETARG_DATUM(1), &ball)) PG_RETURN_NULL();
    PG_RETURN_BOOL(distance_of(PG_GETARG_IMAGEHASH(0), ball.center) <= ball.radius);
}

IMAGEHASH_FUNCTION(imagehash_similar) {
    const Ball ball = similar_ball(PG_GETARG_IMAGEHASH(1));
    PG_RETURN_BOOL(distance_of(PG_GETARG_IMAGEHASH(0), ball.center) <= ball.radius);
}
