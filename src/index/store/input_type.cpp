// The type is that of the operator class: bit is one, everything else is imagehash, which validate.cpp
// checks.
#include "index/store/input_type.h"

#include "index/store/strategies.h"
#include "pg/value/ball.h"

extern "C" {
#include "catalog/pg_type_d.h"
}

namespace imagehash::index {

InputType input_type(Oid type) {
    return type == BITOID ? InputType::bit : InputType::imagehash;
}

InputType input_type(Relation index) {
    return input_type(index->rd_opcintype[0]);
}

OpclassShape opclass_shape(InputType type) {
    if (type == InputType::bit) return {FLOAT8OID, kWithinStrategy};
    return {INT4OID, kSimilarStrategy};
}

static Input input_of(const pg::ImageHash *hash) {
    return {hash->bits(), hash->method, hash->bytes(), hash->code};
}

static Input input_of(const VarBit *bits) {
    return {VARBITLEN(bits), pg::kMethodUnknown, (VARBITLEN(bits) + 7) / 8, VARBITS(bits)};
}

Input read_input(InputType type, Datum value) {
    if (type == InputType::bit) return input_of(DatumGetVarBitP(value));
    return input_of(pg::datum_get_imagehash(value));
}

bool read_ball(InputType type, Datum value, Input *center, int *radius) {
    if (type == InputType::bit) {
        pg::BitBall ball;
        if (!pg::get_bit_ball(value, &ball)) return false;
        *center = input_of(ball.center);
        *radius = ball.radius;
        return true;
    }
    pg::Ball ball;
    if (!pg::get_ball(value, &ball)) return false;
    *center = input_of(ball.center);
    *radius = ball.radius;
    return true;
}

Datum make_input(InputType type, int bits, pg::Method method, const uint64 *code) {
    if (type == InputType::bit) {
        auto value = static_cast<VarBit *>(palloc0(VARBITTOTALLEN(bits)));
        SET_VARSIZE(value, VARBITTOTALLEN(bits));
        VARBITLEN(value) = bits;
        memcpy(VARBITS(value), code, VARBITBYTES(value));
        return VarBitPGetDatum(value);
    }
    pg::ImageHash *hash = pg::make_imagehash(bits, method);
    memcpy(hash->code, code, hash->bytes());
    return PointerGetDatum(hash);
}

Datum make_distance(InputType type, int distance) {
    return type == InputType::bit ? Float8GetDatum(distance) : Int32GetDatum(distance);
}

bool is_length(InputType type, int64 bits) {
    if (type == InputType::bit) return bits > 0 && bits <= pg::kMaxBits;
    return bits >= pg::kMinBits && bits <= pg::kMaxBits && bits % 8 == 0;
}

void require_length(Relation index, int64 bits) {
    if (is_length(input_type(index), bits)) return;
    ereport(ERROR,
            (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
             errmsg("value of %lld bits does not fit into index \"%s\"", static_cast<long long>(bits),
                    RelationGetRelationName(index)),
             errdetail("The access method hamming takes values of 1 to %d bits.", pg::kMaxBits),
             errhint("Index an expression that has fewer bits, search by it, and order what it finds by the "
                     "distance of the whole.")));
}

uint32 declared_bits(Relation index) {
    Form_pg_attribute column = TupleDescAttr(RelationGetDescr(index), 0);
    // That of bit varying(n) is no more than a limit.
    if (column->atttypmod <= 0 || column->atttypid == VARBITOID) return 0;
    require_length(index, column->atttypmod);
    return static_cast<uint32>(column->atttypmod);
}

void refuse_length(Relation index, int bits, uint32 held) {
    const bool is_bit = input_type(index) == InputType::bit;
    ereport(ERROR, (errcode(ERRCODE_STRING_DATA_LENGTH_MISMATCH),
                    is_bit ? errmsg("bit string of %d bits does not fit into index \"%s\"", bits,
                                    RelationGetRelationName(index))
                           : errmsg("hash of %d bits does not fit into index \"%s\"", bits,
                                    RelationGetRelationName(index)),
                    is_bit ? errdetail("The index holds bit strings of %u bits.", held)
                           : errdetail("The index holds hashes of %u bits.", held),
                    errhint("Declare the column as %s(%u), or index each length with a partial index.",
                            is_bit ? "bit" : "imagehash", held)));
}

}  // namespace imagehash::index
