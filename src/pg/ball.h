// hamming_ball, a composite type (center imagehash, radius int4): what an index is asked for in a radius
// query.
//
// hamming_within(hash, center, radius) has three arguments and an index condition two, so the planner's
// support function rewrites the one into  hash <@ ROW(center, radius)::hamming_ball.
//
// bit_ball is the same for bit strings; its radius is a double precision, since the distance it is compared
// with is one.
#pragma once

#include "pg/imagehash.h"

extern "C" {
#include "nodes/primnodes.h"
#include "utils/varbit.h"
}

namespace imagehash::pg {

struct Ball {
    const ImageHash *center;
    int32 radius;
};

// What `hash ~= center` asks for: a sixteenth of the bits may differ.
constexpr int similar_radius(int bits) {
    return bits / 16;
}

struct BitBall {
    VarBit *center;
    double radius;
};

// The largest whole number that is not greater, within what an int holds; NaN is greater than all numbers.
int whole_radius(double radius);
// Of a constant of type integer or double precision that is not null, as the two have it; else 0.
int radius_of_constant(const Const *constant);

// False where a field is null: then nothing lies in the ball.
bool get_ball(Datum datum, Ball *ball);
bool get_bit_ball(Datum datum, BitBall *ball);

}  // namespace imagehash::pg
