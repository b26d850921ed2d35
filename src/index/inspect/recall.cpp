// imagehash_index_recall(): the share of the nearest rows that searches find at a recall that is asked for.
//
// imagehash.target_recall promises a mean recall over queries drawn like the rows, as measured with hashes of
// the index. This is the same measure with queries of the user's: each is searched for twice through the
// index, exactly and with that setting. The caller must be allowed to read the table; the SQL, which has the
// index's expressions in it, runs with the rights of the table's owner. Plain structs and palloc memory only:
// ereport jumps over these frames.
#include "index/inspect/open_index.h"
#include "index/store/strategies.h"
#include "pg/server/as_owner.h"

extern "C" {
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
}

namespace imagehash::index {

namespace {

struct RecallRequest {
    OpenIndex open;
    ArrayType *queries;
    int k;
    const char *target;
    double recall;  // the answer; -1 where no query has a row
};

// Of one index: what its column, table, predicate and operator are called.
struct SearchNames {
    Oid type;
    char *expression;
    char *table;
    char *condition;
    char *distance;  // OPERATOR(schema.<~>)
};

}  // namespace

static SearchNames names_of(const OpenIndex &open) {
    SearchNames names;
    names.type = open.index->rd_opcintype[0];
    const Oid oper =
        get_opfamily_member(open.index->rd_opfamily[0], names.type, names.type, kDistanceStrategy);
    names.table = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(open.heap)),
                                             RelationGetRelationName(open.heap));

    Oid types[] = {OIDOID, OIDOID};
    Datum values[] = {ObjectIdGetDatum(RelationGetRelid(open.index)), ObjectIdGetDatum(oper)};
    if (SPI_execute_with_args(
            "SELECT pg_catalog.pg_get_indexdef(i.indexrelid, 1, true), "
            "pg_catalog.pg_get_expr(i.indpred, i.indrelid, true), "
            "pg_catalog.format('OPERATOR(%I.%s)', n.nspname, o.oprname) "
            "FROM pg_catalog.pg_index i, pg_catalog.pg_operator o, pg_catalog.pg_namespace n "
            "WHERE i.indexrelid OPERATOR(pg_catalog.=) $1 AND o.oid OPERATOR(pg_catalog.=) $2 "
            "AND n.oid OPERATOR(pg_catalog.=) o.oprnamespace",
            lengthof(types), types, values, nullptr, true, 1) != SPI_OK_SELECT ||
        SPI_processed != 1)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                        errmsg("index \"%s\" does not exist", RelationGetRelationName(open.index))));
    const HeapTuple found = SPI_tuptable->vals[0];
    names.expression = SPI_getvalue(found, SPI_tuptable->tupdesc, 1);
    names.condition = SPI_getvalue(found, SPI_tuptable->tupdesc, 2);
    names.distance = SPI_getvalue(found, SPI_tuptable->tupdesc, 3);
    return names;
}

// $1: the query; $2: k; $3: a distance. How many of the first k rows are no farther, and the farthest one's
// distance.
static SPIPlanPtr prepare_search(const SearchNames &names) {
    const char *distance = psprintf("(%s) %s $1", names.expression, names.distance);
    char *statement = psprintf(
        "SELECT pg_catalog.count(d) FILTER (WHERE d OPERATOR(pg_catalog.<=) $3), pg_catalog.max(d) FROM "
        "(SELECT (%s)::pg_catalog.float8 AS d FROM ONLY %s %s%s ORDER BY %s LIMIT $2) found",
        distance, names.table, names.condition ? "WHERE " : "", names.condition ? names.condition : "",
        distance);
    Oid types[] = {names.type, INT4OID, FLOAT8OID};
    SPIPlanPtr plan = SPI_prepare(statement, lengthof(types), types);
    if (plan == nullptr)
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not prepare a search of the index")));
    return plan;
}

// Rows no farther than *farthest, which becomes the distance of the farthest of all that are found.
static int64 count_found(SPIPlanPtr search, Datum query, int k, double *farthest) {
    Datum values[] = {query, Int32GetDatum(k), Float8GetDatum(*farthest)};
    if (SPI_execute_plan(search, values, nullptr, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not search the index")));
    bool none, ignored;
    const int64 count =
        DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &ignored));
    const Datum last = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &none);
    if (!none) *farthest = DatumGetFloat8(last);
    SPI_freetuptable(SPI_tuptable);
    return count;
}

static void measure(RecallRequest *request) {
    SPI_connect();
    const SearchNames names = names_of(request->open);
    if (ARR_ELEMTYPE(request->queries) != names.type)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("queries are of type %s, the index is on %s",
                               format_type_be(ARR_ELEMTYPE(request->queries)), format_type_be(names.type))));
    pg::set_meanwhile("enable_seqscan", "off");
    pg::set_meanwhile("enable_bitmapscan", "off");
    pg::set_meanwhile("enable_sort", "off");
    SPIPlanPtr search = prepare_search(names);

    int16 length;
    bool by_value;
    char align;
    get_typlenbyvalalign(names.type, &length, &by_value, &align);
    Datum *queries;
    bool *nulls;
    int count, measured = 0;
    deconstruct_array(request->queries, names.type, length, by_value, align, &queries, &nulls, &count);
    double sum = 0;
    for (int i = 0; i < count; i++) {
        CHECK_FOR_INTERRUPTS();
        if (nulls[i]) continue;
        double farthest = get_float8_infinity();
        pg::set_meanwhile("imagehash.target_recall", "1");
        const int64 nearest = count_found(search, queries[i], request->k, &farthest);
        if (nearest == 0) continue;
        pg::set_meanwhile("imagehash.target_recall", request->target);
        sum += static_cast<double>(count_found(search, queries[i], request->k, &farthest)) /
               static_cast<double>(nearest);
        measured++;
    }
    request->recall = measured > 0 ? sum / measured : -1;
    SPI_finish();
}

// The answer tells something of the rows, so it is for those who may read them.
static void require_right_to_read(Relation table) {
    const Oid relation = RelationGetRelid(table);
    const AclResult allowed = pg_class_aclcheck(relation, GetUserId(), ACL_SELECT);
    if (allowed != ACLCHECK_OK) aclcheck_error(allowed, OBJECT_TABLE, RelationGetRelationName(table));
    if (check_enable_rls(relation, InvalidOid, true) == RLS_ENABLED)
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                 errmsg("row-level security of table \"%s\" applies to you", RelationGetRelationName(table)),
                 errhint("The table's owner can measure the recall of its index.")));
}

}  // namespace imagehash::index

using namespace imagehash;

IMAGEHASH_FUNCTION(imagehash_index_recall) {
    const int k = PG_GETARG_INT32(2);
    if (k < 1 || k > 10000)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("k must be from 1 to 10000, not %d", k)));
    index::RecallRequest request = {index::open_hamming_index(PG_GETARG_OID(0)), PG_GETARG_ARRAYTYPE_P(1), k,
                                    psprintf("%.17g", PG_GETARG_FLOAT8(3)), -1};
    index::require_right_to_read(request.open.heap);
    pg::run_as(request.open.heap->rd_rel->relowner, [&request] { index::measure(&request); });
    index::close_hamming_index(request.open);
    if (request.recall < 0) PG_RETURN_NULL();
    PG_RETURN_FLOAT8(request.recall);
}
