// Hamming distance, and the questions asked of it: <~>, hamming_within(), hash <@ ball, bits <@ ball, ~=.
#include "hamming/distance.h"
#include "pg/value/ball.h"
#include "pg/value/methods.h"

extern "C" {
#include "catalog/pg_type_d.h"
#include "executor/executor.h"
#include "utils/numeric.h"
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
    ball->radius = DatumGetInt32(radius);
    return true;
}

// The largest whole number that is at most `radius`, or below it; NaN is greater than all numbers.
static int whole_radius(double radius, bool inclusive) {
    if (std::isnan(radius) || radius > PG_INT32_MAX) return PG_INT32_MAX;
    double whole = inclusive ? std::floor(radius) : std::ceil(radius) - 1;
    return whole < 0 ? -1 : static_cast<int>(whole);
}

static double radius_of_number(Oid type, Datum number) {
    switch (type) {
        case INT2OID:
            return DatumGetInt16(number);
        case INT4OID:
            return DatumGetInt32(number);
        case INT8OID:
            return static_cast<double>(DatumGetInt64(number));
        case FLOAT4OID:
            return DatumGetFloat4(number);
        case FLOAT8OID:
            return DatumGetFloat8(number);
        case NUMERICOID:
            return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, number));
    }
    ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                    errmsg("radius must be a number, not of type %s", format_type_be(type))));
    pg_unreachable();
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
static int distance_of_bits(VarBit *a, VarBit *b) {
    if (VARBITLEN(a) != VARBITLEN(b))
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                        errmsg("different bit lengths %d and %d", VARBITLEN(a), VARBITLEN(b))));
    return imagehash::hamming::distance(VARBITS(a), VARBITS(b), static_cast<int>(VARBITBYTES(a)));
}

IMAGEHASH_FUNCTION(imagehash_bit_within) {
    PG_RETURN_BOOL(distance_of_bits(PG_GETARG_VARBIT_P(0), PG_GETARG_VARBIT_P(1)) <= PG_GETARG_INT32(2));
}

IMAGEHASH_FUNCTION(imagehash_bit_in_ball) {
    BitBall ball;
    if (!get_bit_ball(PG_GETARG_DATUM(1), &ball)) PG_RETURN_NULL();
    PG_RETURN_BOOL(distance_of_bits(PG_GETARG_VARBIT_P(0), ball.center) <= ball.radius);
}

// The radius, a whole number, within which a distance is at most (or below) a number of any type.
IMAGEHASH_FUNCTION(imagehash_radius) {
    double number = radius_of_number(get_fn_expr_argtype(fcinfo->flinfo, 0), PG_GETARG_DATUM(0));
    PG_RETURN_INT32(whole_radius(number, PG_GETARG_BOOL(1)));
}
