// Building an index with parallel workers: who takes part, what each does, what they exchange.
//
// The leader starts the workers once and takes part itself. 1. Every participant scans its share of the table
// and writes its rows to files of a set that all share. 2. The leader draws a sample of all files and
// clusters it, while the workers wait. 3. Every participant assigns its own rows to leaves and sorts them. 4.
// The leader merges what they sorted and writes the tier. Collecting (table_rows.h), assigning (assignment.h)
// and writing are the same code as in a serial build.
//
// A hash that does not fit the others ends the parallel build, and the serial one that follows raises the
// error: which hash was the first depends on the order of rows, so only then is it the same error.
#pragma once

#include "index/build/assignment.h"
#include "index/build/table_rows.h"

namespace imagehash::index {

struct ParallelBuild;

// Scans the table with as many workers as PostgreSQL allows. Null where it allows none, none could be
// started, or a hash did not fit: then nothing is left of it, and `meta` is as it was. Else *rows are all
// rows, which `meta` knows of, and end_parallel_build() must follow.
ParallelBuild *begin_parallel_build(Relation heap, Relation index, IndexInfo *info, Meta *meta,
                                    TableRows **rows);

// Has all participants assign and sort their rows, and adds up leaf counts and statistics in those of `job`;
// returns what remains to be merged. Of `job`, rows, sort and done are set here. `memory` in bytes.
Tuplesortstate *assign_in_parallel(ParallelBuild *build, AssignmentJob job, int64 memory);

// The rows that begin_parallel_build() gave must have been freed.
void end_parallel_build(ParallelBuild *build);

}  // namespace imagehash::index
