// PostgreSQL's headers, as C++ can include them; the one place that knows PostgreSQL versions.
//
// Include it first. Never include it together with LibTorch or OpenCV headers: their macros clash.
// What differs between PostgreSQL 15 and 18 is evened out here, so that no other file asks for
// PG_VERSION_NUM.
#pragma once

extern "C" {
#include "postgres.h"
// Before PostgreSQL 16 PGDLLEXPORT is empty on Unix, and -fvisibility=hidden would hide the SQL functions.
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#include "fmgr.h"
#include "funcapi.h"
#include "access/amapi.h"
#include "access/relscan.h"
#include "catalog/pg_proc.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/tuplesort.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
}

// Defines the C entry point of an SQL function: IMAGEHASH_FUNCTION(name) { ... PG_RETURN_...; }
#define IMAGEHASH_FUNCTION(name) \
    extern "C" {                 \
    PG_FUNCTION_INFO_V1(name);   \
    }                            \
    extern "C" PGDLLEXPORT Datum name(PG_FUNCTION_ARGS)

// Reports an error of an input function: softly where PostgreSQL (16 and later) asks for that, else as
// ereport(ERROR).
#if PG_VERSION_NUM >= 160000
#define imagehash_input_error(...) ereturn(fcinfo->context, static_cast<Datum>(0), __VA_ARGS__)
#else
#define imagehash_input_error(...) ereport(ERROR, __VA_ARGS__)
#endif

namespace imagehash::pg {

// Adds a block to the end of a relation's fork; returned pinned and exclusively locked.
inline Buffer extend_fork(Relation relation, ForkNumber fork) {
#if PG_VERSION_NUM >= 160000
    return ExtendBufferedRel(BMR_REL(relation), fork, nullptr, EB_LOCK_FIRST);
#else
    if (!RELATION_IS_LOCAL(relation)) LockRelationForExtension(relation, ExclusiveLock);
    Buffer buffer = ReadBufferExtended(relation, fork, P_NEW, RBM_ZERO_AND_LOCK, nullptr);
    if (!RELATION_IS_LOCAL(relation)) UnlockRelationForExtension(relation, ExclusiveLock);
    return buffer;
#endif
}
inline Buffer extend_relation(Relation relation) {
    return extend_fork(relation, MAIN_FORKNUM);
}
inline Buffer extend_init_fork(Relation relation) {
    return extend_fork(relation, INIT_FORKNUM);
}

// Pins the block if it is still in the shared buffer that held it before; spares the search for it.
inline bool read_recent_buffer(Relation relation, BlockNumber block, Buffer recent) {
#if PG_VERSION_NUM >= 160000
    const RelFileLocator &locator = relation->rd_locator;
#else
    const RelFileNode &locator = relation->rd_node;
#endif
    if (!ReadRecentBuffer(locator, MAIN_FORKNUM, block, recent)) return false;
    pgstat_count_buffer_read(relation);
    pgstat_count_buffer_hit(relation);
    return true;
}

// The next datum of a sort; the caller does not need a copy.
inline bool next_sorted_datum(Tuplesortstate *sort, Datum *value) {
    bool is_null;
#if PG_VERSION_NUM >= 160000
    return tuplesort_getdatum(sort, true, false, value, &is_null, nullptr);
#else
    return tuplesort_getdatum(sort, true, value, &is_null, nullptr);
#endif
}

// The type of the row that a function with OUT parameters returns.
inline TupleDesc result_row_type(FunctionCallInfo fcinfo) {
    TupleDesc descriptor;
    if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE)
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("function returning record called in context that cannot accept type record")));
    return BlessTupleDesc(descriptor);
}

// Counts an index scan in pg_stat_user_indexes, and in EXPLAIN where it shows searches (PostgreSQL 18).
inline void count_index_scan(IndexScanDesc scan) {
    pgstat_count_index_scan(scan->indexRelation);
#if PG_VERSION_NUM >= 180000
    if (scan->instrument) scan->instrument->nsearches++;
#endif
}

// ERROR (snapshot_too_old) where old_snapshot_threshold lets vacuum remove rows that the snapshot sees, and
// the locked page was changed since the snapshot was taken. PostgreSQL 17 has no such setting. Null: no
// snapshot.
inline void test_for_old_snapshot([[maybe_unused]] Snapshot snapshot, [[maybe_unused]] Relation relation,
                                  [[maybe_unused]] Page page) {
#if PG_VERSION_NUM < 170000
    TestForOldSnapshot(snapshot, relation, page);
#endif
}

// Declares that an access method builds with parallel workers; and how many PostgreSQL allows a build. It
// knows of temporary tables, of what an index computes, and of memory. Before PostgreSQL 17 it asks for btree
// only.
inline void declare_parallel_build([[maybe_unused]] IndexAmRoutine *routine) {
#if PG_VERSION_NUM >= 170000
    routine->amcanbuildparallel = true;
#endif
}
inline int parallel_build_workers([[maybe_unused]] Relation heap, [[maybe_unused]] Relation index,
                                  [[maybe_unused]] const IndexInfo *info) {
#if PG_VERSION_NUM >= 170000
    return info->ii_ParallelWorkers;
#else
    if (RelationGetNumberOfBlocks(heap) == 0) return 0;
    return plan_create_index_workers(RelationGetRelid(heap), RelationGetRelid(index));
#endif
}

// The strategy that btree operator families give the operator; 0 where none has it.
inline int btree_strategy_of(Oid op) {
    int strategy = 0;
    ListCell *cell;
#if PG_VERSION_NUM >= 180000
    static_assert(COMPARE_LT == static_cast<int>(BTLessStrategyNumber) &&
                  COMPARE_GT == static_cast<int>(BTGreaterStrategyNumber));
    List *meanings = get_op_index_interpretation(op);
    foreach (cell, meanings) strategy = static_cast<OpIndexInterpretation *>(lfirst(cell))->cmptype;
#else
    List *meanings = get_op_btree_interpretation(op);
    foreach (cell, meanings) strategy = static_cast<OpBtreeInterpretation *>(lfirst(cell))->strategy;
#endif
    list_free_deep(meanings);
    return strategy;
}

// Expression trees: every node below one, and a changed copy. Before PostgreSQL 16 callbacks have no types.
using TreeWalker = bool (*)(Node *, void *);
inline bool walk_tree(Node *node, TreeWalker walker, void *context) {
#if PG_VERSION_NUM < 160000
    auto callback = reinterpret_cast<bool (*)()>(reinterpret_cast<void (*)()>(walker));
#else
    auto callback = walker;
#endif
    return expression_tree_walker(node, callback, context);
}
using TreeMutator = Node *(*)(Node *, void *);
inline Node *mutate_tree(Node *node, TreeMutator mutator, void *context) {
#if PG_VERSION_NUM < 160000
    auto callback = reinterpret_cast<Node *(*)()>(reinterpret_cast<void (*)()>(mutator));
#else
    auto callback = mutator;
#endif
    return expression_tree_mutator(node, callback, context);
}

// Whether a role may call a function, or pass that right on (ACL_GRANT_OPTION_FOR).
inline bool has_function_right(Oid function, Oid role, AclMode right) {
#if PG_VERSION_NUM >= 160000
    return object_aclcheck(ProcedureRelationId, function, role, right) == ACLCHECK_OK;
#else
    return pg_proc_aclcheck(function, role, right) == ACLCHECK_OK;
#endif
}

// Sleeps where vacuum's cost limit says so; also checks for interrupts.
inline void vacuum_delay() {
#if PG_VERSION_NUM >= 180000
    vacuum_delay_point(false);
#else
    vacuum_delay_point();
#endif
}

}  // namespace imagehash::pg
