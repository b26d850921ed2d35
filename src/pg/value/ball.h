// hamming_ball and bit_ball, composite types (center, radius int4): what an index is asked for in a radius
// query.
//
// hamming_within(hash, center, radius) has three arguments and an index condition two, so the planner's
// support function rewrites the one into  hash <@ ROW(center, radius)::hamming_ball.
#pragma once

#include "pg/value/imagehash.h"

extern "C" {
#include "utils/varbit.h"
}

namespace imagehash::pg {

struct Ball {
    const ImageHash *center;
    int32 radius;
};

// What `hash ~= center` asks for: a sixteenth of the bits may differ. Also what the planner takes for a
// radius that it does not know yet.
constexpr int similar_radius(int bits) {
    return bits / 16;
}

struct BitBall {
    VarBit *center;
    int32 radius;
};

// False where a field is null: then nothing lies in the ball.
bool get_ball(Datum datum, Ball *ball);
bool get_bit_ball(Datum datum, BitBall *ball);

}  // namespace imagehash::pg
