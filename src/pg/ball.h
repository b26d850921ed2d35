// hamming_ball, a composite type (center imagehash, radius int4): what an index is asked for in a radius
// query.
//
// hamming_within(hash, center, radius) has three arguments and an index condition two, so the planner's
// support function rewrites the one into  hash <@ ROW(center, radius)::hamming_ball.
#pragma once

#include "pg/imagehash.h"

namespace imagehash::pg {

struct Ball {
    const ImageHash *center;
    int32 radius;
};

// What `hash ~= center` asks for: a sixteenth of the bits may differ.
inline Ball similar_ball(const ImageHash *center) {
    return {center, center->bits() / 16};
}

// False where a field is null: then nothing lies in the ball.
bool get_ball(Datum datum, Ball *ball);

}  // namespace imagehash::pg
