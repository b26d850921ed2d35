// Numbers of the operators that a `hamming` operator class has. They are stored in pg_amop.
#pragma once

namespace imagehash::index {

enum Strategy : int {
    kDistanceStrategy = 1,  // hash <~> query, in ORDER BY
    kEqualStrategy = 2,     // hash = query
    kWithinStrategy = 3,    // hash <@ hamming_ball
    kSimilarStrategy = 4,   // hash ~= query
    kStrategies = 4,
};

}  // namespace imagehash::index
