// Planner support for hamming_within(a, b, radius) and hash <@ ball: lets an index answer the one as the
// other, and estimates their selectivity.
#include "index/planner/cost.h"
#include "index/store/access_method.h"
#include "index/store/strategies.h"
#include "pg/value/ball.h"
#include "pg/value/imagehash.h"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_type_d.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "utils/catcache.h"
#include "utils/syscache.h"
}

#include <cmath>

namespace imagehash::pg {

// Rows that are near a given picture without being chance hits: what duplicates there are.
constexpr double kNearDuplicates = 0.0005;

// Probability that two unrelated hashes of `bits` fair, independent bits lie within the radius.
static double chance_within(int bits, int radius) {
    double sum = 0;
    for (int d = 0; d <= radius && d <= bits; d++)
        sum += exp(lgamma(bits + 1.0) - lgamma(d + 1.0) - lgamma(bits - d + 1.0) - bits * M_LN2);
    return Min(sum, 1.0);
}

static bool is_null_constant(const Node *node) {
    return IsA(node, Const) && reinterpret_cast<const Const *>(node)->constisnull;
}

// What a hamming index on this expression has measured; bits 0 where there is none.
static index::RadiusShare share_of_index(PlannerInfo *root, Node *hash, int radius) {
    int relid;
    if (!bms_get_singleton_member(pull_varnos(root, hash), &relid)) return {0, -1};
    RelOptInfo *rel = relid < root->simple_rel_array_size ? root->simple_rel_array[relid] : nullptr;
    ListCell *cell;
    foreach (cell, rel ? rel->indexlist : NIL) {
        auto info = lfirst_node(IndexOptInfo, cell);
        if (!index::is_hamming_index(info) || !match_index_to_operand(hash, 0, info)) continue;
        index::RadiusShare found = index::share_within(info, radius);
        if (found.bits > 0) return found;
    }
    return {0, -1};
}

// The length of hashes that the type or the value of an expression says; 0 where neither does.
static int bits_of(Node *hash) {
    int32 typmod = exprTypmod(hash);
    if (typmod > 0) return typmod;
    if (!IsA(hash, Const) || is_null_constant(hash)) return 0;
    auto constant = reinterpret_cast<const Const *>(hash);
    if (constant->consttype == BITOID || constant->consttype == VARBITOID)
        return VARBITLEN(DatumGetVarBitP(constant->constvalue));
    if (constant->constlen != -1 || constant->constbyval) return 0;
    return datum_get_imagehash(constant->constvalue)->bits();
}

// Without an index that has measured it, as for hashes that are chance, and a few duplicates.
static double guess_within(int bits, int radius) {
    if (bits == 0) bits = 64;
    if (radius < 0) radius = index::assumed_radius(bits);
    return Min(1.0, kNearDuplicates + chance_within(bits, radius));
}

// Of rows, or of pairs of rows where both are columns.
static double selectivity_within(PlannerInfo *root, Node *a, Node *b, Node *radius) {
    Node *hashes[] = {estimate_expression_value(root, a), estimate_expression_value(root, b)};
    radius = estimate_expression_value(root, radius);
    if (is_null_constant(hashes[0]) || is_null_constant(hashes[1]) || is_null_constant(radius)) return 0;
    if (IsA(radius, Const) && DatumGetInt32(reinterpret_cast<Const *>(radius)->constvalue) < 0) return 0;
    int known = index::known_radius(radius), bits = 0;
    for (Node *hash : hashes) {
        index::RadiusShare found = share_of_index(root, hash, known);
        if (found.share >= 0) return found.share;
        bits = Max(bits, Max(found.bits, bits_of(hash)));
    }
    return guess_within(bits, known);
}

// The operator of the family that tests membership in a ball, and the type of its right side.
static bool find_ball_operator(Oid opfamily, Oid *op, Oid *ball_type) {
    bool found = false;
    CatCList *members = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(opfamily));
    for (int i = 0; i < members->n_members && !found; i++) {
        auto amop = reinterpret_cast<Form_pg_amop>(GETSTRUCT(&members->members[i]->tuple));
        if (amop->amopstrategy != index::kWithinStrategy) continue;
        *op = amop->amopopr;
        *ball_type = amop->amoprighttype;
        found = true;
    }
    ReleaseSysCacheList(members);
    return found;
}

// hash <@ ROW(center, radius)
static Expr *make_ball_condition(Oid op, Oid ball_type, Node *hash, Node *center, Node *radius) {
    RowExpr *ball = makeNode(RowExpr);
    ball->args = list_make2(copyObjectImpl(center), copyObjectImpl(radius));
    ball->row_typeid = ball_type;
    ball->row_format = COERCE_EXPLICIT_CAST;
    ball->location = -1;
    return make_opclause(op, BOOLOID, false, static_cast<Expr *>(copyObjectImpl(hash)),
                         reinterpret_cast<Expr *>(ball), InvalidOid, InvalidOid);
}

// hamming_within(hash, center, radius) as  hash <@ ROW(center, radius), or null if the index cannot take it.
static List *ball_condition(SupportRequestIndexCondition *request) {
    if (!IsA(request->node, FuncExpr) || request->indexarg > 1) return NIL;
    // btree and hash index the type too, and number their operators in their own way.
    if (!index::is_hamming_index(request->index)) return NIL;
    List *arguments = reinterpret_cast<FuncExpr *>(request->node)->args;
    Node *hash = static_cast<Node *>(list_nth(arguments, request->indexarg));
    Node *center = static_cast<Node *>(list_nth(arguments, 1 - request->indexarg));
    Node *radius = static_cast<Node *>(list_nth(arguments, 2));
    Oid op, ball_type;
    if (!is_pseudo_constant_for_index(request->root, center, request->index) ||
        !is_pseudo_constant_for_index(request->root, radius, request->index) ||
        !find_ball_operator(request->opfamily, &op, &ball_type))
        return NIL;

    request->lossy = false;
    return list_make1(make_ball_condition(op, ball_type, hash, center, radius));
}

}  // namespace imagehash::pg

using namespace imagehash::pg;

IMAGEHASH_FUNCTION(imagehash_within_support) {
    Node *node = reinterpret_cast<Node *>(PG_GETARG_POINTER(0));
    if (IsA(node, SupportRequestSelectivity)) {
        auto request = reinterpret_cast<SupportRequestSelectivity *>(node);
        List *arguments = request->args;
        request->selectivity = selectivity_within(request->root, static_cast<Node *>(linitial(arguments)),
                                                  static_cast<Node *>(lsecond(arguments)),
                                                  static_cast<Node *>(lthird(arguments)));
        PG_RETURN_POINTER(request);
    }
    if (IsA(node, SupportRequestIndexCondition))
        PG_RETURN_POINTER(ball_condition(reinterpret_cast<SupportRequestIndexCondition *>(node)));
    PG_RETURN_POINTER(nullptr);
}

// Selectivity of  hash <@ ball. The ball is a row expression, as ball_condition() makes it, or something
// unknown.
IMAGEHASH_FUNCTION(imagehash_in_ball_sel) {
    auto root = reinterpret_cast<PlannerInfo *>(PG_GETARG_POINTER(0));
    List *arguments = reinterpret_cast<List *>(PG_GETARG_POINTER(2));
    Node *ball = list_length(arguments) == 2 ? static_cast<Node *>(lsecond(arguments)) : nullptr;
    if (ball == nullptr || !IsA(ball, RowExpr) || list_length(reinterpret_cast<RowExpr *>(ball)->args) != 2)
        PG_RETURN_FLOAT8(kNearDuplicates);
    List *fields = reinterpret_cast<RowExpr *>(ball)->args;
    PG_RETURN_FLOAT8(selectivity_within(root, static_cast<Node *>(linitial(arguments)),
                                        static_cast<Node *>(linitial(fields)),
                                        static_cast<Node *>(lsecond(fields))));
}
