// Planner support for hamming_within(a, b, radius) and hash <@ ball: lets an index answer the one as the
// other, and estimates their selectivity.
#include "index/access_method.h"
#include "index/strategies.h"
#include "pg/ball.h"
#include "pg/distance_clauses.h"
#include "pg/imagehash.h"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_type_d.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/catcache.h"
#include "utils/syscache.h"
}

#include <cmath>

namespace imagehash::pg {

// Rows that are near a given picture without being chance hits: what duplicates there are.
static const double near_duplicates = 0.0005;

// Probability that two unrelated hashes of `bits` fair, independent bits lie within the radius.
static double chance_within(int bits, int radius) {
    double sum = 0;
    for (int d = 0; d <= radius && d <= bits; d++)
        sum += exp(lgamma(bits + 1.0) - lgamma(d + 1.0) - lgamma(bits - d + 1.0) - bits * M_LN2);
    return Min(sum, 1.0);
}

static const Const *constant_argument(List *arguments, int i) {
    Node *node = static_cast<Node *>(list_nth(arguments, i));
    return node != nullptr && IsA(node, Const) ? reinterpret_cast<Const *>(node) : nullptr;
}

static int bits_of_constant(const Const *center) {
    if (center == nullptr || center->constbyval || center->constlen != -1) return 64;
    if (center->consttype == BITOID) return VARBITLEN(DatumGetVarBitP(center->constvalue));
    return datum_get_imagehash(center->constvalue)->bits();
}

// Arguments that are not constants, or not of the types expected, say nothing.
static double selectivity_within(const Const *center, const Const *radius) {
    if ((radius != nullptr && radius->constisnull) || (center != nullptr && center->constisnull)) return 0;
    int r = radius != nullptr ? radius_of_constant(radius) : 0;
    if (r < 0) return 0;
    return Min(1.0, near_duplicates + chance_within(bits_of_constant(center), r));
}

bool find_ball_operator(Oid opfamily, Oid *op, Oid *ball_type) {
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

Expr *make_ball_condition(Oid op, Oid ball_type, Expr *hash, Expr *query, Expr *radius) {
    RowExpr *ball = makeNode(RowExpr);
    ball->args = list_make2(copyObjectImpl(query), copyObjectImpl(radius));
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
    auto cost_function = reinterpret_cast<void (*)()>(index::hamming_costestimate);
    if (reinterpret_cast<void (*)()>(request->index->amcostestimate) != cost_function) return NIL;
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
    return list_make1(make_ball_condition(op, ball_type, reinterpret_cast<Expr *>(hash),
                                          reinterpret_cast<Expr *>(center),
                                          reinterpret_cast<Expr *>(radius)));
}

}  // namespace imagehash::pg

using namespace imagehash::pg;

IMAGEHASH_FUNCTION(imagehash_within_support) {
    Node *node = reinterpret_cast<Node *>(PG_GETARG_POINTER(0));
    if (IsA(node, SupportRequestSelectivity)) {
        auto request = reinterpret_cast<SupportRequestSelectivity *>(node);
        const Const *first = constant_argument(request->args, 0);
        request->selectivity =
            selectivity_within(first != nullptr ? first : constant_argument(request->args, 1),
                               constant_argument(request->args, 2));
        PG_RETURN_POINTER(request);
    }
    if (IsA(node, SupportRequestIndexCondition))
        PG_RETURN_POINTER(ball_condition(reinterpret_cast<SupportRequestIndexCondition *>(node)));
    PG_RETURN_POINTER(nullptr);
}

// Selectivity of  hash <@ ball. The ball is a row expression, as ball_condition() makes it, or something
// unknown.
IMAGEHASH_FUNCTION(imagehash_in_ball_sel) {
    List *arguments = reinterpret_cast<List *>(PG_GETARG_POINTER(2));
    Node *ball = list_length(arguments) == 2 ? static_cast<Node *>(lsecond(arguments)) : nullptr;
    if (ball == nullptr || !IsA(ball, RowExpr) || list_length(reinterpret_cast<RowExpr *>(ball)->args) != 2)
        PG_RETURN_FLOAT8(near_duplicates);
    List *fields = reinterpret_cast<RowExpr *>(ball)->args;
    PG_RETURN_FLOAT8(selectivity_within(constant_argument(fields, 0), constant_argument(fields, 1)));
}
