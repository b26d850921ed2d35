// What the planner asks about hamming indexes: what their paths cost, and how many rows lie within a radius.
#pragma once

#include "pg/server/pg.h"

extern "C" {
#include "nodes/pathnodes.h"
}

namespace imagehash::index {

void hamming_costestimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup_cost,
                          Cost *total_cost, Selectivity *selectivity, double *correlation, double *pages);

// What an index knows of radii, as measured when its tiers were built.
struct RadiusShare {
    int bits;      // length of its hashes; 0: it has none
    double share;  // of its rows within the radius of one of them, 0 to 1; negative: not measured
};
// A negative radius stands for one that is not known yet.
RadiusShare share_within(const IndexOptInfo *index, int radius);

// The radius that the planner takes where it does not know one, such as a parameter of a generic plan.
int assumed_radius(int bits);

// A constant's radius; -1 where the expression is none that is known.
int known_radius(const Node *radius);

}  // namespace imagehash::index
