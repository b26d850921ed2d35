// Hamming distance, and the questions asked of it: <~>, hamming_within(), hash <@ ball, bits <@ ball, ~=.
#include "hamming/distance.h"
#include "pg/ball.h"
#include "pg/methods.h"

extern "C" {
#include "catalog/pg_type_d.h"
#include "executor/executor.h"
}

#include <cmath>

namespace imagehash::pg {

static bool get_fields(Datum datum, Datum *center, Datum *radius) {
    HeapTupleHeader tuple = DatumGetHeapTupleHeader(datum);
    bool center_is_null, radius_is_null;
    *center = GetAttributeByNum(tuple, 1, &center_is_null);
    *radius = GetAttributeByNum(tuple, 2, &radius_is_null);
    return !center_is_null && !radius_is_null;
}

bool get_ball(Datum datum, Ball *ball) {
    Datum center, radius;
    if (!get_fields(datum, &center, &radius)) return false;
    ball->center = datum_get_imagehash(center);
    ball->radius = DatumGetInt32(radius);
    return true;
}

bool get_bit_ball(Datum datum, BitBall *ball) {
    Datum center, radius;
    if (!get_fields(datum, &center, &radius)) return false;
    ball->center = DatumGetVarBitP(center);
    ball->radius = DatumGetFloat8(radius);
    return true;
}

int whole_radius(double radius) {
    if (std::isnan(radius) || radius >= PG_INT32_MAX) return PG_INT32_MAX;
    return radius < 0 ? -1 : static_cast<int>(radius);
}

int radius_of_constant(const Const *constant) {
    if (constant->consttype == FLOAT8OID) return whole_radius(DatumGetFloat8(constant->constvalue));
    return constant->consttype == INT4OID ? DatumGetInt32(constant->constvalue) : 0;
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
    const ImageHash *a = PG_GETARG_IMAGEHASH(0), *b = PG_GETARG_IMAGEHASH(1);
    PG_RETURN_BOOL(distance_of(a, b) <= similar_radius(b->bits()));
}

// Says what pgvector's <~> says, in whose place an index is asked.
IMAGEHASH_FUNCTION(imagehash_bit_in_ball) {
    VarBit *bits = PG_GETARG_VARBIT_P(0);
    BitBall ball;
    if (!get_bit_ball(PG_GETARG_DATUM(1), &ball)) PG_RETURN_NULL();
    if (VARBITLEN(bits) != VARBITLEN(ball.center))
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                        errmsg("different bit lengths %d and %d", VARBITLEN(bits), VARBITLEN(ball.center))));
    int distance = imagehash::hamming::distance(VARBITS(bits), VARBITS(ball.center),
                                                static_cast<int>(VARBITBYTES(bits)));
    PG_RETURN_BOOL(distance <= whole_radius(ball.radius));
}
