// What the two kinds of operator classes give the index: a hash of type imagehash, or a string of type bit.
//
// The one place that knows them apart. A bit string is to the index a hash of unknown method whose length
// need not be a multiple of 8. Its distance is a double precision, as pgvector's operator <~>(bit, bit) has
// it.
#pragma once

#include "index/store/page.h"

namespace imagehash::index {

enum class InputType { imagehash, bit };

InputType input_type(Oid type);
// From the operator class, so a column may be of a domain, or bit varying.
InputType input_type(Relation index);

// What an operator class must look like.
struct OpclassShape {
    Oid distance_type;  // of strategy 1
    int strategies;     // 1 to this
};
OpclassShape opclass_shape(InputType type);

// A value of the column or of a query; `code` lies in the value.
struct Input {
    int bits;
    pg::Method method;
    int bytes;
    const uint8 *code;
};
Input read_input(InputType type, Datum value);
// The right side of <@, of strategy 3. False where one of its fields is null: then nothing lies in it.
bool read_ball(InputType type, Datum value, Input *center, int *radius);
// The other way: a value of the input type, palloc'd.
Datum make_input(InputType type, int bits, pg::Method method, const uint64 *code);
Datum make_distance(InputType type, int distance);

// Whether an index may hold codes of so many bits.
bool is_length(InputType type, int64 bits);
// ERROR where it may not.
void require_length(Relation index, int64 bits);
// The length that the column's type fixes; 0 where the first value does.
uint32 declared_bits(Relation index);

// ERROR: the index holds codes of `held` bits.
[[noreturn]] void refuse_length(Relation index, int bits, uint32 held);

}  // namespace imagehash::index
