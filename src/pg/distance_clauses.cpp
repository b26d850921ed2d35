// hash <~> query <= radius, served by an index as hash <@ ROW(query, radius).
//
// PostgreSQL asks a support function only about an operator whose operand is the indexed column itself, and
// here that is integer's <=. So after a table's paths are made, conditions of this form are added to what the
// hamming indexes are matched against, and the index paths are made once more. The condition itself stays, as
// a filter that every row passes. Of joins only those whose other side is a parameter by then, as in a
// LATERAL subquery with a LIMIT.
#include "index/access_method.h"
#include "index/strategies.h"
#include "pg/distance_clauses.h"

extern "C" {
#include "catalog/pg_type_d.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
}

#include <cmath>

namespace imagehash::pg {

static set_rel_pathlist_hook_type previous_hook;

struct Condition {
    Expr *hash;
    Expr *query;
    Expr *radius;
};

// distance < radius as distance <= the next whole number below it, where it is a constant.
static bool make_inclusive(Expr **radius) {
    if (!IsA(*radius, Const) || reinterpret_cast<Const *>(*radius)->constisnull) return false;
    auto constant = static_cast<Const *>(copyObjectImpl(*radius));
    if (constant->consttype == FLOAT8OID)
        constant->constvalue = Float8GetDatum(std::ceil(DatumGetFloat8(constant->constvalue)) - 1);
    else if (DatumGetInt32(constant->constvalue) > 0)
        constant->constvalue = Int32GetDatum(DatumGetInt32(constant->constvalue) - 1);
    else
        return false;
    *radius = reinterpret_cast<Expr *>(constant);
    return true;
}

// <= and < as they are, >= and > with sides exchanged, of integers for imagehash, of double precision for
// bit.
static bool match_comparison(const OpExpr *op, Node **distance, Expr **radius) {
    if (list_length(op->args) != 2) return false;
    Oid function = get_opcode(op->opno);
    bool exchanged =
        function == F_INT4GE || function == F_INT4GT || function == F_FLOAT8GE || function == F_FLOAT8GT;
    bool inclusive =
        function == F_INT4LE || function == F_INT4GE || function == F_FLOAT8LE || function == F_FLOAT8GE;
    if (!exchanged && !inclusive && function != F_INT4LT && function != F_FLOAT8LT) return false;
    *distance = static_cast<Node *>(exchanged ? lsecond(op->args) : linitial(op->args));
    *radius = static_cast<Expr *>(exchanged ? linitial(op->args) : lsecond(op->args));
    return inclusive || make_inclusive(radius);
}

// The arguments, if the expression is the distance of the index's operator class.
static List *distance_arguments(Node *node, Oid distance_operator) {
    if (IsA(node, OpExpr) && reinterpret_cast<OpExpr *>(node)->opno == distance_operator)
        return reinterpret_cast<OpExpr *>(node)->args;
    if (IsA(node, FuncExpr) && reinterpret_cast<FuncExpr *>(node)->funcid == get_opcode(distance_operator))
        return reinterpret_cast<FuncExpr *>(node)->args;
    return NIL;
}

static bool match_condition(PlannerInfo *root, IndexOptInfo *index, Expr *clause, Condition *condition) {
    if (!IsA(clause, OpExpr)) return false;
    Node *distance;
    if (!match_comparison(reinterpret_cast<OpExpr *>(clause), &distance, &condition->radius)) return false;
    Oid type = index->opcintype[0];
    List *arguments = distance_arguments(
        distance, get_opfamily_member(index->opfamily[0], type, type, index::kDistanceStrategy));
    if (list_length(arguments) != 2) return false;
    auto left = static_cast<Node *>(linitial(arguments)), right = static_cast<Node *>(lsecond(arguments));
    bool left_is_hash = match_index_to_operand(left, 0, index);
    if (!left_is_hash && !match_index_to_operand(right, 0, index)) return false;
    condition->hash = reinterpret_cast<Expr *>(left_is_hash ? left : right);
    condition->query = reinterpret_cast<Expr *>(left_is_hash ? right : left);
    return is_pseudo_constant_for_index(root, reinterpret_cast<Node *>(condition->query), index) &&
           is_pseudo_constant_for_index(root, reinterpret_cast<Node *>(condition->radius), index);
}

// The conditions on the index's hash as the index understands them.
static List *ball_conditions(PlannerInfo *root, IndexOptInfo *index) {
    List *found = NIL;
    ListCell *cell;
    Oid ball_operator, ball_type;
    if (!find_ball_operator(index->opfamily[0], &ball_operator, &ball_type)) return NIL;
    foreach (cell, index->indrestrictinfo) {
        Condition condition;
        if (!match_condition(root, index, lfirst_node(RestrictInfo, cell)->clause, &condition)) continue;
        Expr *within =
            make_ball_condition(ball_operator, ball_type, condition.hash, condition.query, condition.radius);
        found = lappend(found, make_simple_restrictinfo(root, within));
    }
    return found;
}

static void add_paths(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte) {
    if (previous_hook != nullptr) previous_hook(root, rel, rti, rte);
    bool changed = false;
    ListCell *cell;
    foreach (cell, rel->indexlist) {
        IndexOptInfo *index = lfirst_node(IndexOptInfo, cell);
        auto cost_function = reinterpret_cast<void (*)()>(index::hamming_costestimate);
        if (reinterpret_cast<void (*)()>(index->amcostestimate) != cost_function) continue;
        List *found = ball_conditions(root, index);
        if (found == NIL) continue;
        index->indrestrictinfo = list_concat_copy(index->indrestrictinfo, found);
        changed = true;
    }
    if (changed) create_index_paths(root, rel);
}

void serve_distance_clauses() {
    previous_hook = set_rel_pathlist_hook;
    set_rel_pathlist_hook = add_paths;
}

}  // namespace imagehash::pg
