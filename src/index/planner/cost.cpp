// What the planner is told an index scan costs.
//
// The index says itself, measured when it was built, which share of its codes and pages a search for the k
// nearest reads, and one for all within a radius, and how many rows lie within a radius (TierStatistics).
//
// Costs are PostgreSQL's units, set so that a sequential scan and a search of tables that are in memory have
// costs in proportion to their times. A search reads a good part of its index, a third of a million real
// codes, and the next one other parts: its pages are as likely to be in memory as the upper ones of a btree,
// which PostgreSQL does not charge either. What effective_cache_size does not hold is read.
#include "index/planner/cost.h"

#include "index/store/bands.h"
#include "index/store/directory_cache.h"
#include "index/store/strategies.h"
#include "pg/value/ball.h"

extern "C" {
#include "access/genam.h"
#include "catalog/pg_type_d.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"
}

#include <math.h>

namespace imagehash::index {

// The kernel's time for a 64-bit word, that to get at a page in memory, and what a search costs beside that,
// in units of an operator's.
constexpr double kOperatorsPerWord = 0.06;
constexpr double kOperatorsPerPage = 40;
constexpr double kOperatorsPerSearch = 300;
constexpr double kOperatorsPerOrder = 500;
// What a row costs that is handed out in order after so many that caches no longer hold them, in units of an
// operator's.
constexpr double kRowsInCaches = 10000;
constexpr double kOperatorsPerLateRow = 80;

namespace {

// What the index says, summed over its tiers; pending pages are always read.
struct IndexFacts {
    int bits;
    double words;
    double directory_pages;
    double leaves;
    double pending_codes, pending_pages;
    double codes, pages;
    double codes_at_rank[kRankSteps], pages_at_rank[kRankSteps];
    double codes_in_radius[kRadiusSteps], pages_in_radius[kRadiusSteps];
    double rows_in_radius[kRadiusSteps];  // share of measured_codes
    double measured_codes;                // of the tiers that have measured it
};

}  // namespace

static void add_tier(Relation index, const Tier &tier, IndexFacts *facts) {
    TierStatistics statistics = cached_statistics(index, tier);
    auto codes = static_cast<double>(tier.entries);
    double pages = tier.code_pages;
    facts->codes += codes;
    facts->pages += pages;
    facts->leaves += tier.leaves;
    facts->directory_pages += tier.pages - tier.code_pages - tier.tid_pages;
    // Half of the bits is where most rows are; a tier that is read whole anyway has not looked.
    if (statistics.rows_in_radius[kRadiusSteps - 1] > 0) facts->measured_codes += codes;
    for (int i = 0; i < kRankSteps; i++) {
        facts->codes_at_rank[i] += statistics.codes_at_rank[i] * codes;
        facts->pages_at_rank[i] += statistics.pages_at_rank[i] * pages;
    }
    for (int i = 0; i < kRadiusSteps; i++) {
        facts->codes_in_radius[i] += statistics.codes_in_radius[i] * codes;
        facts->pages_in_radius[i] += statistics.pages_in_radius[i] * pages;
        facts->rows_in_radius[i] += statistics.rows_in_radius[i] * codes;
    }
}

static IndexFacts read_facts(const IndexOptInfo *info) {
    IndexFacts facts;
    memset(&facts, 0, sizeof facts);
    Relation index = index_open(info->indexoid, NoLock);
    auto meta = static_cast<Meta *>(palloc(sizeof(Meta)));
    read_meta(index, meta);
    facts.bits = static_cast<int>(meta->bits);
    facts.words = meta->words();
    facts.pending_pages = meta->pending_count;
    facts.pending_codes = meta->pending_count * static_cast<double>(Layout::of_words(meta->words()).capacity);
    for (uint32 t = 0; t < meta->tiers_count; t++) add_tier(index, meta->tiers[t], &facts);
    for (double &share : facts.rows_in_radius) share /= Max(facts.measured_codes, 1.0);
    index_close(index, NoLock);
    pfree(meta);
    return facts;
}

namespace {

struct Reading {
    double codes;
    double pages;
};

}  // namespace

// Between the ranks that were measured, in the logarithm; beyond them, towards everything at the last row.
static Reading reading_at_rank(const IndexFacts &facts, double k) {
    double place = log10(Max(k, 1.0));
    int i = Min(static_cast<int>(place), kRankSteps - 1);
    double end_codes = facts.codes, end_pages = facts.pages, width = 1;
    if (i < kRankSteps - 1) {
        end_codes = facts.codes_at_rank[i + 1];
        end_pages = facts.pages_at_rank[i + 1];
    } else {
        width = Max(log10(Max(facts.codes, 10.0)) - i, 1.0);
    }
    double t = Min((place - i) / width, 1.0);
    return {facts.codes_at_rank[i] + t * (end_codes - facts.codes_at_rank[i]),
            facts.pages_at_rank[i] + t * (end_pages - facts.pages_at_rank[i])};
}

static Reading reading_in_radius(const IndexFacts &facts, int radius) {
    for (int i = 0; i < kRadiusSteps; i++)
        if (radius_step(i, facts.bits) >= radius) return {facts.codes_in_radius[i], facts.pages_in_radius[i]};
    return {facts.codes, facts.pages};
}

// Between the radii that were measured in the logarithm, which is nearly straight there.
static double rows_in_radius(const IndexFacts &facts, int radius) {
    int before = 0;
    double share = facts.rows_in_radius[0], least = 1 / Max(facts.measured_codes, 1.0);
    for (int i = 0; i < kRadiusSteps; i++) {
        int step = radius_step(i, facts.bits);
        double next = Max(facts.rows_in_radius[i], least);
        if (step >= radius)
            return step == radius || step == before
                       ? next
                       : share * pow(next / share, static_cast<double>(radius - before) / (step - before));
        before = step;
        share = next;
    }
    double t = static_cast<double>(radius - before) / Max(facts.bits - before, 1);
    return Min(share + t * (1 - share), 1.0);
}

int assumed_radius(int bits) {
    return pg::similar_radius(bits);
}

int known_radius(const Node *radius) {
    if (!IsA(radius, Const)) return -1;
    auto constant = reinterpret_cast<const Const *>(radius);
    if (constant->constisnull || constant->consttype != INT4OID) return -1;
    return Max(DatumGetInt32(constant->constvalue), 0);
}

RadiusShare share_within(const IndexOptInfo *index, int radius) {
    if (index->hypothetical) return {0, -1};
    IndexFacts facts = read_facts(index);
    if (facts.measured_codes == 0) return {facts.bits, -1};
    return {facts.bits, rows_in_radius(facts, radius >= 0 ? radius : assumed_radius(facts.bits))};
}

// The radius that an index clause allows; -1 where it says nothing about distances.
static int radius_of_clause(const IndexFacts &facts, const IndexClause *index_clause) {
    ListCell *cell;
    foreach (cell, index_clause->indexquals) {
        Expr *clause = lfirst_node(RestrictInfo, cell)->clause;
        if (!IsA(clause, OpExpr) || list_length(reinterpret_cast<OpExpr *>(clause)->args) != 2) continue;
        auto right = static_cast<Node *>(lsecond(reinterpret_cast<OpExpr *>(clause)->args));
        if (!IsA(right, RowExpr)) return pg::similar_radius(facts.bits);  // = and ~=
        int radius = known_radius(static_cast<Node *>(lsecond(reinterpret_cast<RowExpr *>(right)->args)));
        return radius >= 0 ? radius : assumed_radius(facts.bits);
    }
    return -1;
}

static int smallest_radius(const IndexFacts &facts, const IndexPath *path) {
    int smallest = -1;
    ListCell *cell;
    foreach (cell, path->indexclauses) {
        int radius = radius_of_clause(facts, lfirst_node(IndexClause, cell));
        if (radius >= 0 && (smallest < 0 || radius < smallest)) smallest = radius;
    }
    return smallest;
}

// Of a page that a search reads, when the cache is full of pages of the query's tables and of the index: what
// index_pages_fetched() comes to for the last of many scans.
static double chance_of_miss(const PlannerInfo *root, const IndexOptInfo *index) {
    return Max(1 - effective_cache_size / (root->total_table_pages + index->pages), 0.0);
}

// A page from disk, where so many of the index are read in the order of their blocks, as in a bitmap scan.
static double page_cost(const IndexOptInfo *index, double pages) {
    double random_page, sequential_page;
    get_tablespace_page_costs(index->reltablespace, &random_page, &sequential_page);
    double share = Min(pages / Max(index->pages, 1.0), 1.0);
    return random_page - (random_page - sequential_page) * sqrt(share);
}

static double cost_of_reading(const PlannerInfo *root, const IndexOptInfo *index, const IndexFacts &facts,
                              Reading reading) {
    double visited = reading.pages + facts.pending_pages;
    double words = (reading.codes + facts.pending_codes + facts.leaves) * facts.words;
    double operators = words * kOperatorsPerWord + visited * kOperatorsPerPage + kOperatorsPerSearch;
    double read = visited + facts.directory_pages;  // these only where the backend does not keep them
    return read * chance_of_miss(root, index) * page_cost(index, read) + operators * cpu_operator_cost;
}

// Of reading for so many rows in order, band after band, each at most a `pass` through everything.
static double cost_of_bands(const PlannerInfo *root, const IndexOptInfo *index, const IndexFacts &facts,
                            double pass, double rows) {
    double cost = kOperatorsPerOrder * cpu_operator_cost, served = 0;
    rows = Min(rows, facts.codes);
    for (double band = kFirstBand; served == 0 || served < rows; band *= kBandGrowth) {
        const double wanted = rows - served;
        const double needed = wanted <= kFewRows ? kFewRows : band;
        cost += Min(cost_of_reading(root, index, facts, reading_at_rank(facts, served + needed)), pass);
        served += band;
    }
    return cost;
}

void hamming_costestimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup_cost,
                          Cost *total_cost, Selectivity *selectivity, double *correlation, double *pages) {
    GenericCosts generic;
    memset(&generic, 0, sizeof generic);
    genericcostestimate(root, path, loop_count, &generic);
    IndexOptInfo *index = path->indexinfo;
    *selectivity = generic.indexSelectivity;
    *correlation = 0;
    *pages = index->pages;

    if (index->hypothetical) {  // there is nothing to ask
        *startup_cost = generic.indexStartupCost;
        *total_cost = generic.indexTotalCost;
        return;
    }
    IndexFacts facts = read_facts(index);
    double rows = index->tuples * generic.indexSelectivity;
    double per_row = cpu_index_tuple_cost + cpu_operator_cost * (list_length(path->indexclauses) + 1);
    int radius = smallest_radius(facts, path);
    Reading all = radius >= 0 ? reading_in_radius(facts, radius) : Reading{facts.codes, facts.pages};
    double pass = cost_of_reading(root, index, facts, all);

    bool ordered = path->indexorderbys != NIL;
    if (!ordered) {
        *startup_cost = 0;
        *total_cost = pass + rows * per_row;
        return;
    }
    // With a LIMIT we know how many rows are wanted, and from how many they are filtered.
    double wanted = root->limit_tuples > 0 ? root->limit_tuples : 10;
    double kept = index->rel->tuples > 0 ? Max(index->rel->rows / index->rel->tuples, 1e-6) : 1;
    *startup_cost = cost_of_bands(root, index, facts, pass, wanted / kept);
    *total_cost = Max(cost_of_bands(root, index, facts, pass, rows), *startup_cost) + rows * per_row +
                  Max(rows - kRowsInCaches, 0.0) * kOperatorsPerLateRow * cpu_operator_cost;
    // PostgreSQL cannot recheck the order of an index-only scan, and we compute one distance.
    if (path->path.pathtype == T_IndexOnlyScan && list_length(path->indexorderbys) > 1)
        *total_cost = *startup_cost = 1e15;
}

}  // namespace imagehash::index
