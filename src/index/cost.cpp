// What the planner is told an index scan costs.
//
// A scan reads every page of the index once, in physical order, and the kernel passes over every code; an
// ordered scan does so before its first row, and a few times again if all rows are wanted.
#include "index/access_method.h"
#include "index/page.h"

extern "C" {
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/selfuncs.h"
}

namespace imagehash::index {

// The kernel's time for a 64-bit word, in units of an operator's.
static const double operators_per_word = 0.05;
// Passes and sorting, if an ordered scan runs to its last row, as a multiple of the first pass.
static const double further_passes = 4;

void hamming_costestimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup_cost,
                          Cost *total_cost, Selectivity *selectivity, double *correlation, double *pages) {
    GenericCosts generic;
    memset(&generic, 0, sizeof generic);
    genericcostestimate(root, path, loop_count, &generic);

    IndexOptInfo *index = path->indexinfo;
    // Bits per row are not known here; an entry of w words takes 8w + 6 bytes.
    double words = index->tuples > 0 ? Max(1.0, (index->pages * (double)BLCKSZ / index->tuples - 6) / 8) : 1;
    // Repeated scans find the pages in memory.
    double page_cost = index->pages * seq_page_cost / Max(1.0, loop_count);
    double pass = page_cost + index->tuples * Min(words, kMaxWords) * operators_per_word * cpu_operator_cost;
    double rows = index->tuples * generic.indexSelectivity;
    double per_row = cpu_index_tuple_cost + cpu_operator_cost * list_length(path->indexclauses);

    bool ordered = path->indexorderbys != NIL;
    *startup_cost = ordered ? pass : 0;
    *total_cost = pass + rows * per_row;
    if (ordered) *total_cost += further_passes * pass + rows * cpu_operator_cost;
    // An index-only scan looks every row up in the table (see scan.cpp): dearer than to read the table.
    if (path->path.pathtype == T_IndexOnlyScan)
        *total_cost += index->rel->pages * random_page_cost + rows * cpu_tuple_cost;
    *selectivity = generic.indexSelectivity;
    *correlation = 0;
    *pages = index->pages;
}

}  // namespace imagehash::index
