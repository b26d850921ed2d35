// Distances of arrays of real, by which the first answers of a search are put into a better order:
// asymmetric_distance() and cosine_distance().
#include "base/asymmetric_distance.h"
#include "pg/value/imagehash.h"

extern "C" {
#include "utils/array.h"
}

#include <cmath>

using namespace imagehash;

namespace {

struct Reals {
    const float *values;
    int count;
};

}  // namespace

// Of an array with one dimension and no nulls, or an empty one.
static Reals reals_of(ArrayType *array) {
    if (ARR_NDIM(array) > 1)
        ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("array must be one-dimensional"),
                        errdetail("It has %d dimensions.", ARR_NDIM(array))));
    if (array_contains_nulls(array))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("array must not contain nulls")));
    return {reinterpret_cast<const float *>(ARR_DATA_PTR(array)),
            ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array))};
}

IMAGEHASH_FUNCTION(imagehash_asymmetric_distance) {
    const pg::ImageHash *hash = pg::datum_get_imagehash(PG_GETARG_DATUM(0));
    ArrayType *array = PG_GETARG_ARRAYTYPE_P(1);
    const Reals logits = reals_of(array);
    const int bits = hash->bits();
    if (logits.count != bits)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("hash has %d bits, but there are %d logits", bits, logits.count),
                        errhint("The logits are those of the hasher that made the hash.")));
    const double distance = asymmetric_distance(logits.values, hash->code, bits);
    PG_FREE_IF_COPY(array, 1);
    PG_RETURN_FLOAT8(distance);
}

// In double precision: squares of any finite floats fit.
static double cosine_of(const float *a, const float *b, int count) {
    double product = 0, norm_a = 0, norm_b = 0;
    for (int i = 0; i < count; i++) {
        const double x = a[i], y = b[i];
        product += x * y;
        norm_a += x * x;
        norm_b += y * y;
    }
    const double cosine = product / (std::sqrt(norm_a) * std::sqrt(norm_b));
    return cosine > 1 ? 1 : cosine < -1 ? -1 : cosine;  // NaN stays
}

IMAGEHASH_FUNCTION(imagehash_cosine_distance) {
    ArrayType *left = PG_GETARG_ARRAYTYPE_P(0), *right = PG_GETARG_ARRAYTYPE_P(1);
    const Reals a = reals_of(left), b = reals_of(right);
    if (a.count != b.count)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("arrays have different lengths, %d and %d", a.count, b.count)));
    const double distance = 1 - cosine_of(a.values, b.values, a.count);
    PG_FREE_IF_COPY(left, 0);
    PG_FREE_IF_COPY(right, 1);
    PG_RETURN_FLOAT8(distance);
}
