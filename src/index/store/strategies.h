// Numbers of the operators and support functions that a `hamming` operator class has. They are stored in
// pg_amop and pg_amproc.
#pragma once

namespace imagehash::index {

enum Strategy : int {
    kDistanceStrategy = 1,  // hash <~> query, in ORDER BY
    kEqualStrategy = 2,     // hash = query
    kWithinStrategy = 3,    // hash <@ hamming_ball
    kSimilarStrategy = 4,   // hash ~= query
    kStrategies = 4,
};

enum SupportFunction : int {
    kWithinFunction = 1,  // hamming_within(hash, query, integer): what hash <~> query <= radius is planned as
    kRadiusFunction = 2,  // hamming_radius("any", inclusive boolean): the integer for a radius of any type
    kSupportFunctions = 2,
};

}  // namespace imagehash::index
