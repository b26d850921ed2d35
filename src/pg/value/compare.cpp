// Equality, order and hashing of imagehash, for btree and hash indexes, DISTINCT, GROUP BY and joins.
//
// Two values are equal if length, method and code are. (An unknown method equals only itself: were it equal
// to any method, equality would not be transitive.) The order is by length, code, method; it has no meaning
// beyond being one.
#include "pg/value/imagehash.h"

extern "C" {
#include "common/hashfn.h"
}

using namespace imagehash::pg;

static int compare(const ImageHash *a, const ImageHash *b) {
    if (a->bits() != b->bits()) return a->bits() < b->bits() ? -1 : 1;
    int order = memcmp(a->code, b->code, a->bytes());
    if (order != 0) return order < 0 ? -1 : 1;
    if (a->method != b->method) return a->method < b->method ? -1 : 1;
    return 0;
}

#define IMAGEHASH_COMPARISON(name, op)                                                \
    IMAGEHASH_FUNCTION(name) {                                                        \
        PG_RETURN_BOOL(compare(PG_GETARG_IMAGEHASH(0), PG_GETARG_IMAGEHASH(1)) op 0); \
    }

IMAGEHASH_COMPARISON(imagehash_eq, ==)
IMAGEHASH_COMPARISON(imagehash_ne, !=)
IMAGEHASH_COMPARISON(imagehash_lt, <)
IMAGEHASH_COMPARISON(imagehash_le, <=)
IMAGEHASH_COMPARISON(imagehash_gt, >)
IMAGEHASH_COMPARISON(imagehash_ge, >=)

IMAGEHASH_FUNCTION(imagehash_smaller) {
    ImageHash *a = PG_GETARG_IMAGEHASH(0), *b = PG_GETARG_IMAGEHASH(1);
    PG_RETURN_POINTER(compare(a, b) <= 0 ? a : b);
}

IMAGEHASH_FUNCTION(imagehash_larger) {
    ImageHash *a = PG_GETARG_IMAGEHASH(0), *b = PG_GETARG_IMAGEHASH(1);
    PG_RETURN_POINTER(compare(a, b) >= 0 ? a : b);
}

IMAGEHASH_FUNCTION(imagehash_cmp) {
    PG_RETURN_INT32(compare(PG_GETARG_IMAGEHASH(0), PG_GETARG_IMAGEHASH(1)));
}

// Method and code lie side by side: one call hashes both.
IMAGEHASH_FUNCTION(imagehash_hash) {
    const ImageHash *hash = PG_GETARG_IMAGEHASH(0);
    return hash_any(reinterpret_cast<const unsigned char *>(&hash->method), VARSIZE(hash) - VARHDRSZ);
}

IMAGEHASH_FUNCTION(imagehash_hash_extended) {
    const ImageHash *hash = PG_GETARG_IMAGEHASH(0);
    return hash_any_extended(reinterpret_cast<const unsigned char *>(&hash->method), VARSIZE(hash) - VARHDRSZ,
                             PG_GETARG_INT64(1));
}
