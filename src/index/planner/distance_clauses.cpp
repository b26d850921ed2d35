// Conditions  hash <~> query <= radius,  planned as  hamming_within(hash, query, radius).
//
// PostgreSQL asks support functions only about the function at the top of a condition, and here that is the
// comparison of two numbers. So before conditions are handed to the tables they are about, those that compare
// a distance with a radius become calls of hamming_within(), whose support function (support.cpp) knows the
// indexes and how many rows to expect. The two mean the same: both are null where an argument is, and raise
// the same errors.
//
// The place for it is get_relation_info_hook, which PostgreSQL calls for each table of a query, and here the
// planner's own structures are changed. Why that is right on PostgreSQL 15 to 18:
//
// query_planner() makes the RelOptInfo of each table, and so calls the hook, when conditions are simplified
// and functions and views are expanded, and before deconstruct_jointree() hands out the first condition. So
// all conditions are still in the join tree, or, those of policies and security-barrier views, in
// securityQuals of the range table. Both are the planner's to change: it works on a copy of what is cached or
// stored, and changes it itself. indpred of an IndexOptInfo is a copy too, made by get_relation_info() for
// this plan. It is changed in the same way, so that the conditions of a query still imply that of a partial
// index. A condition is replaced by one of the same value over the same columns, so what PostgreSQL derived
// from it before stays true.
//
// What it gains: without it such a condition only filters rows that something else has found, at worst all of
// the table. With it the index finds them (bench/RESULTS.md: 0.02 to 0.05 ms within 4 bits among a million).
// The number compared with may be of any type, whatever a driver sends.
#include "index/planner/distance_clauses.h"

#include "index/store/access_method.h"
#include "index/store/strategies.h"

extern "C" {
#include "access/stratnum.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_type_d.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/plancat.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace imagehash::pg {

static get_relation_info_hook_type previous_hook;

namespace {

// A comparison: distance <= radius, or distance < radius.
struct Comparison {
    Expr *distance;
    Expr *radius;
    bool inclusive;
};

}  // namespace

// Conversions of an integer distance, or of pgvector's double precision one, to what it is compared with;
// they change no value.
static Expr *without_conversions(Expr *expression) {
    for (;;) {
        if (IsA(expression, RelabelType)) {
            expression = reinterpret_cast<RelabelType *>(expression)->arg;
            continue;
        }
        if (!IsA(expression, FuncExpr)) return expression;
        auto function = reinterpret_cast<FuncExpr *>(expression);
        if (function->funcid != F_INT8_INT4 && function->funcid != F_FLOAT4_INT4 &&
            function->funcid != F_FLOAT8_INT4 && function->funcid != F_NUMERIC_INT4 &&
            function->funcid != F_NUMERIC_FLOAT8)
            return expression;
        expression = static_cast<Expr *>(linitial(function->args));
    }
}

// What a call of a distance, as an operator or by name, could be; the rest of the tests cost more.
static List *two_arguments(const Expr *expression) {
    List *arguments = NIL;
    if (IsA(expression, OpExpr)) arguments = reinterpret_cast<const OpExpr *>(expression)->args;
    if (IsA(expression, FuncExpr)) arguments = reinterpret_cast<const FuncExpr *>(expression)->args;
    return list_length(arguments) == 2 ? arguments : NIL;
}

static bool is_number(Oid type) {
    return type == INT2OID || type == INT4OID || type == INT8OID || type == FLOAT4OID || type == FLOAT8OID ||
           type == NUMERICOID;
}

// The btree strategy of a comparison of numbers; 0 where it is none.
static int number_comparison(Oid op) {
    Oid left, right;
    op_input_types(op, &left, &right);
    if (!is_number(left) || !is_number(right)) return 0;
    return btree_strategy_of(op);
}

static bool match_comparison(const OpExpr *op, Comparison *comparison) {
    if (list_length(op->args) != 2) return false;
    Expr *left = without_conversions(static_cast<Expr *>(linitial(op->args)));
    Expr *right = without_conversions(static_cast<Expr *>(lsecond(op->args)));
    if (two_arguments(left) == NIL && two_arguments(right) == NIL) return false;
    int strategy = number_comparison(op->opno);
    bool exchanged = strategy == BTGreaterStrategyNumber || strategy == BTGreaterEqualStrategyNumber;
    if (!exchanged && strategy != BTLessStrategyNumber && strategy != BTLessEqualStrategyNumber) return false;
    comparison->distance = exchanged ? right : left;
    comparison->radius = static_cast<Expr *>(exchanged ? linitial(op->args) : lsecond(op->args));
    comparison->inclusive = strategy == BTLessEqualStrategyNumber || strategy == BTGreaterEqualStrategyNumber;
    return two_arguments(comparison->distance) != NIL;
}

// The family of hamming operator classes that sorts by this operator.
static Oid family_of_operator(Oid op) {
    Oid family = InvalidOid;
    CatCList *members = SearchSysCacheList1(AMOPOPID, ObjectIdGetDatum(op));
    for (int i = 0; i < members->n_members; i++) {
        auto amop = reinterpret_cast<Form_pg_amop>(GETSTRUCT(&members->members[i]->tuple));
        if (amop->amopstrategy == index::kDistanceStrategy && amop->amopmethod == index::hamming_method())
            family = amop->amopfamily;
    }
    ReleaseSysCacheList(members);
    return family;
}

// hamming_distance(a, b), the function behind the operator.
static Oid family_of_function(Oid function, Oid type) {
    const char *name = get_func_name(function);
    if (!name || strcmp(name, "hamming_distance") != 0) return InvalidOid;
    Oid opclass = GetDefaultOpClass(getBaseType(type), index::hamming_method());
    if (!OidIsValid(opclass)) return InvalidOid;
    Oid family = get_opclass_family(opclass), input = get_opclass_input_type(opclass);
    Oid op = get_opfamily_member(family, input, input, index::kDistanceStrategy);
    return OidIsValid(op) && get_opcode(op) == function ? family : InvalidOid;
}

static Oid family_of_distance(Expr *distance) {
    if (IsA(distance, OpExpr)) return family_of_operator(reinterpret_cast<OpExpr *>(distance)->opno);
    auto function = reinterpret_cast<FuncExpr *>(distance);
    return family_of_function(function->funcid, exprType(static_cast<Node *>(linitial(function->args))));
}

static Oid type_of_family(Oid family) {
    Oid type = InvalidOid;
    CatCList *members = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(family));
    for (int i = 0; i < members->n_members; i++)
        type = reinterpret_cast<Form_pg_amop>(GETSTRUCT(&members->members[i]->tuple))->amoplefttype;
    ReleaseSysCacheList(members);
    return type;
}

static Expr *make_call(Oid function, Oid result, List *arguments) {
    return reinterpret_cast<Expr *>(
        makeFuncExpr(function, result, arguments, InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL));
}

// The condition as a call of hamming_within(); null where it is another.
static Node *as_within_condition(PlannerInfo *root, const OpExpr *op) {
    Comparison comparison;
    if (!match_comparison(op, &comparison)) return nullptr;
    Oid family = family_of_distance(comparison.distance);
    if (!OidIsValid(family)) return nullptr;
    Oid type = type_of_family(family);
    Oid within = get_opfamily_proc(family, type, type, index::kWithinFunction);
    Oid whole = get_opfamily_proc(family, type, type, index::kRadiusFunction);
    if (!OidIsValid(within) || !OidIsValid(whole)) return nullptr;

    Expr *radius = comparison.radius;
    if (!comparison.inclusive || exprType(reinterpret_cast<Node *>(radius)) != INT4OID)
        radius = make_call(whole, INT4OID, list_make2(radius, makeBoolConst(comparison.inclusive, false)));
    List *arguments = list_copy(two_arguments(comparison.distance));
    Expr *condition = make_call(within, BOOLOID, lappend(arguments, radius));
    return eval_const_expressions(root, reinterpret_cast<Node *>(condition));
}

static bool has_comparison(Node *node, void *root) {
    if (node == nullptr) return false;
    Comparison comparison;
    if (IsA(node, OpExpr) && match_comparison(reinterpret_cast<OpExpr *>(node), &comparison) &&
        OidIsValid(family_of_distance(comparison.distance)))
        return true;
    return walk_tree(node, has_comparison, root);
}

static Node *rewrite_comparisons(Node *node, void *root) {
    if (node == nullptr) return nullptr;
    if (IsA(node, OpExpr))
        if (Node *condition =
                as_within_condition(static_cast<PlannerInfo *>(root), reinterpret_cast<OpExpr *>(node)))
            return condition;
    return mutate_tree(node, rewrite_comparisons, root);
}

template <class T>
static void rewrite_conditions(PlannerInfo *root, T **conditions) {
    Node *node = reinterpret_cast<Node *>(*conditions);
    if (has_comparison(node, root)) *conditions = reinterpret_cast<T *>(rewrite_comparisons(node, root));
}

static void rewrite_join_tree(PlannerInfo *root, Node *node) {
    ListCell *cell;
    if (node == nullptr) return;
    if (IsA(node, FromExpr)) {
        auto from = reinterpret_cast<FromExpr *>(node);
        foreach (cell, from->fromlist) rewrite_join_tree(root, static_cast<Node *>(lfirst(cell)));
        rewrite_conditions(root, &from->quals);
    } else if (IsA(node, JoinExpr)) {
        auto join = reinterpret_cast<JoinExpr *>(node);
        rewrite_join_tree(root, join->larg);
        rewrite_join_tree(root, join->rarg);
        rewrite_conditions(root, &join->quals);
    }
}

// Of policies and security-barrier views, which are kept beside their table.
static void rewrite_security_conditions(PlannerInfo *root) {
    ListCell *cell;
    foreach (cell, root->parse->rtable)
        rewrite_conditions(root, &lfirst_node(RangeTblEntry, cell)->securityQuals);
}

// Again for each table, as each may be the one whose index has loaded this module; what is rewritten is not
// found again. Conditions of partial indexes are rewritten too, so that they are implied by such.
static void rewrite_query(PlannerInfo *root, Oid table, bool is_parent, RelOptInfo *rel) {
    if (previous_hook != nullptr) previous_hook(root, table, is_parent, rel);
    rewrite_join_tree(root, reinterpret_cast<Node *>(root->parse->jointree));
    rewrite_security_conditions(root);
    ListCell *cell;
    foreach (cell, rel->indexlist) rewrite_conditions(root, &lfirst_node(IndexOptInfo, cell)->indpred);
}

void serve_distance_clauses() {
    previous_hook = get_relation_info_hook;
    get_relation_info_hook = rewrite_query;
}

}  // namespace imagehash::pg
