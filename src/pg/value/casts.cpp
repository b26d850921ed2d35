// Casts between imagehash and bit, bytea and bigint, for hashes that were made elsewhere.
//
// Values that come in have an unknown method; bits keep their order: the first bit of a bit string, the
// highest bit of the first byte of a bytea and of a bigint are the first bit of the hash.
#include "pg/value/image_bytes.h"

extern "C" {
#include "port/pg_bswap.h"
#include "utils/varbit.h"
}

using namespace imagehash::pg;

static void require_valid_length(int64 bits) {
    if (bits < kMinBits || bits > kMaxBits || bits % 8 != 0)
        ereport(ERROR,
                (errcode(ERRCODE_STRING_DATA_LENGTH_MISMATCH),
                 errmsg("value of %lld bits cannot be cast to type imagehash", static_cast<long long>(bits)),
                 errdetail("A hash has %d to %d bits, a multiple of 8.", kMinBits, kMaxBits)));
}

IMAGEHASH_FUNCTION(imagehash_from_bit) {
    VarBit *bits = PG_GETARG_VARBIT_P(0);
    require_valid_length(VARBITLEN(bits));
    ImageHash *hash = make_imagehash(VARBITLEN(bits), kMethodUnknown);
    memcpy(hash->code, VARBITS(bits), hash->bytes());
    PG_RETURN_POINTER(hash);
}

IMAGEHASH_FUNCTION(imagehash_to_bit) {
    const ImageHash *hash = PG_GETARG_IMAGEHASH(0);
    VarBit *bits = static_cast<VarBit *>(palloc0(VARBITTOTALLEN(hash->bits())));
    SET_VARSIZE(bits, VARBITTOTALLEN(hash->bits()));
    VARBITLEN(bits) = hash->bits();
    memcpy(VARBITS(bits), hash->code, hash->bytes());
    PG_RETURN_VARBIT_P(bits);
}

IMAGEHASH_FUNCTION(imagehash_from_bytea) {
    bytea *bytes = PG_GETARG_BYTEA_PP(0);
    refuse_image(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
    require_valid_length(static_cast<int64>(VARSIZE_ANY_EXHDR(bytes)) * 8);
    ImageHash *hash = make_imagehash(static_cast<int>(VARSIZE_ANY_EXHDR(bytes)) * 8, kMethodUnknown);
    memcpy(hash->code, VARDATA_ANY(bytes), hash->bytes());
    PG_RETURN_POINTER(hash);
}

IMAGEHASH_FUNCTION(imagehash_to_bytea) {
    const ImageHash *hash = PG_GETARG_IMAGEHASH(0);
    bytea *bytes = static_cast<bytea *>(palloc(VARHDRSZ + hash->bytes()));
    SET_VARSIZE(bytes, VARHDRSZ + hash->bytes());
    memcpy(VARDATA(bytes), hash->code, hash->bytes());
    PG_RETURN_BYTEA_P(bytes);
}

IMAGEHASH_FUNCTION(imagehash_from_bigint) {
    uint64 value = pg_hton64(static_cast<uint64>(PG_GETARG_INT64(0)));
    ImageHash *hash = make_imagehash(64, kMethodUnknown);
    memcpy(hash->code, &value, sizeof value);
    PG_RETURN_POINTER(hash);
}

IMAGEHASH_FUNCTION(imagehash_to_bigint) {
    const ImageHash *hash = PG_GETARG_IMAGEHASH(0);
    if (hash->bits() != 64)
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                        errmsg("hash of %d bits cannot be cast to bigint", hash->bits()),
                        errdetail("A bigint holds a hash of 64 bits.")));
    uint64 value;
    memcpy(&value, hash->code, sizeof value);
    PG_RETURN_INT64(static_cast<int64>(pg_ntoh64(value)));
}
