// rehash_column(): brings a column of hashes to another hasher, committing as it goes.
//
// It walks over the pages of a table and updates, in a transaction of its own for each piece, the rows whose
// hash is null or of another method. What tells what is left is the rows themselves, so that a call that was
// stopped is just called again. Rows locked by others are left for a later pass, so that it neither waits for
// writers nor meets them in a deadlock, until a pass finds nothing else. The caller's rights are all it has.
#include "pg/catalog/tables.h"

extern "C" {
#include "access/table.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "nodes/parsenodes.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
}

using namespace imagehash;

namespace {

constexpr int kSecondsBetweenNotices = 10;

struct Job {
    Oid table;              // a leaf: it has pages
    const char *make_hash;  // name of the function for what its source column holds
    char *name;             // quoted, for statements
    char *statement;        // of one piece; $1, $2: pages, $3: method, $4: hasher
    char *patient;          // the same, waiting for locks
    char *method;
    text *hasher;
    BlockNumber pieces;  // pages a transaction
    uint64 total;        // rows rehashed
    TimestampTz noticed;
};

}  // namespace

// Text in memory that outlives transactions.
static char *format_statement(const Job *job, const char *hash, const char *source, const char *functions,
                              const char *lock) {
    return psprintf(
        "UPDATE ONLY %s SET %s = %s.%s(%s, $4) WHERE ctid OPERATOR(pg_catalog.=) ANY "
        "(ARRAY(SELECT "
        "ctid FROM "
        "ONLY %s WHERE ctid OPERATOR(pg_catalog.>=) $1 AND ctid OPERATOR(pg_catalog.<) $2 AND %s IS NOT NULL "
        "AND (%s "
        "IS NULL OR %s.imagehash_method(%s) OPERATOR(pg_catalog.<>) $3) FOR NO KEY UPDATE %s))",
        job->name, hash, functions, job->make_hash, source, job->name, source, hash, functions, hash, lock);
}

// None where another session has dropped it, as a partition may be between two transactions.
static BlockNumber pages_of(Oid table) {
    Relation relation = try_table_open(table, AccessShareLock);
    if (!relation) return 0;
    BlockNumber pages = RelationGetNumberOfBlocks(relation);
    table_close(relation, AccessShareLock);
    return pages;
}

static void set_piece(Job *job, int batch_size) {
    double rows = 0, pages = 0;
    if (Relation relation = try_table_open(job->table, AccessShareLock)) {
        rows = relation->rd_rel->reltuples, pages = relation->rd_rel->relpages;
        table_close(relation, AccessShareLock);
    }
    double per_page = rows > 0 && pages > 0 ? Max(rows / pages, 1.0) : 32;
    job->pieces = static_cast<BlockNumber>(Max(batch_size / per_page, 1.0));
}

static Datum tid_of(BlockNumber block) {
    ItemPointer tid = static_cast<ItemPointer>(palloc(sizeof(ItemPointerData)));
    ItemPointerSet(tid, block, 0);
    return PointerGetDatum(tid);
}

// One piece, one transaction.
static uint64 rehash_piece(const Job *job, const char *statement, BlockNumber from, BlockNumber to) {
    Oid types[] = {TIDOID, TIDOID, TEXTOID, TEXTOID};
    Datum values[] = {tid_of(from), tid_of(to), CStringGetTextDatum(job->method),
                      PointerGetDatum(job->hasher)};
    int result = SPI_execute_with_args(statement, 4, types, values, nullptr, false, 0);
    if (result != SPI_OK_UPDATE)
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
                        errmsg("could not update: %s", SPI_result_code_string(result))));
    uint64 rows = SPI_processed;
    SPI_commit();
    return rows;
}

static void notice_progress(Job *job, BlockNumber page, BlockNumber pages) {
    TimestampTz now = GetCurrentTimestamp();
    if (!TimestampDifferenceExceeds(job->noticed, now, kSecondsBetweenNotices * 1000)) return;
    job->noticed = now;
    ereport(NOTICE, (errmsg("rehashed " UINT64_FORMAT " rows of %s, at page %u of %u", job->total, job->name,
                            page, pages)));
}

static uint64 pass(Job *job, const char *statement) {
    BlockNumber pages = pages_of(job->table);
    uint64 found = 0;
    for (BlockNumber page = 0; page < pages; page += job->pieces) {
        CHECK_FOR_INTERRUPTS();
        uint64 rows = rehash_piece(job, statement, page, Min(page + job->pieces, pages));
        found += rows;
        job->total += rows;
        notice_progress(job, page, pages);
    }
    return found;
}

static void rehash_leaf(Job *job) {
    for (;;) {
        while (pass(job, job->statement) > 0) {
        }
        // A row that its writer changed while the patient pass waited for it has moved.
        if (pass(job, job->patient) == 0 && pass(job, job->statement) == 0) return;
    }
}

// The method of a hasher's hashes, read with the caller's rights; the name of the functions' schema.
static char *method_of_hasher(text *hasher) {
    Oid type = TEXTOID;
    Datum value = PointerGetDatum(hasher);
    SPI_execute_with_args("SELECT method FROM imagehash.hasher WHERE name OPERATOR(pg_catalog.=) $1", 1,
                          &type, &value, nullptr, true, 1);
    if (SPI_processed == 0)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("hasher \"%s\" does not exist", text_to_cstring(hasher)),
                        errhint("SELECT name FROM imagehash.hasher lists the hashers.")));
    return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

static char *schema_of_functions() {
    SPI_execute(
        "SELECT n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid "
        "OPERATOR(pg_catalog.=) e.extnamespace WHERE e.extname OPERATOR(pg_catalog.=) 'imagehash'",
        true, 1);
    return pstrdup(quote_identifier(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1)));
}

static void check_column(Oid table, const char *column) {
    if (get_attnum(table, column) <= 0)
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_COLUMN),
                 errmsg("column \"%s\" of relation \"%s\" does not exist", column, get_rel_name(table))));
}

// Leaves of a partitioned table or of an inheritance tree, in memory that outlives transactions.
static List *leaves_of(Oid table, MemoryContext lasting) {
    List *leaves = NIL;
    ListCell *cell;
    foreach (cell, find_all_inheritors(table, AccessShareLock, nullptr)) {
        char kind = get_rel_relkind(lfirst_oid(cell));
        if (kind == RELKIND_PARTITIONED_TABLE) continue;
        if (kind != RELKIND_RELATION)
            ereport(
                ERROR,
                (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                 errmsg("\"%s\" is not a table", get_rel_name(lfirst_oid(cell))),
                 kind == RELKIND_FOREIGN_TABLE
                     ? errhint("Rehash a foreign table where it lies, and the other partitions one by one.")
                     : 0));
        MemoryContext caller = MemoryContextSwitchTo(lasting);
        leaves = lappend_oid(leaves, lfirst_oid(cell));
        MemoryContextSwitchTo(caller);
    }
    return leaves;
}

IMAGEHASH_FUNCTION(imagehash_rehash_column) {
    for (int i = 0; i < 5; i++)
        if (PG_ARGISNULL(i))
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                            errmsg("arguments of rehash_column must not be null")));
    CallContext *call = fcinfo->context && IsA(fcinfo->context, CallContext)
                            ? reinterpret_cast<CallContext *>(fcinfo->context)
                            : nullptr;
    if (!call || call->atomic)
        ereport(ERROR, (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
                        errmsg("rehash_column cannot run inside a transaction block"),
                        errhint("It commits as it goes: CALL it by itself.")));
    Oid table = PG_GETARG_OID(0);
    const char *hash_name = NameStr(*PG_GETARG_NAME(1)), *source_name = NameStr(*PG_GETARG_NAME(2));
    int batch_size = PG_GETARG_INT32(4);
    if (batch_size < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("batch_size must be at least 1")));
    check_column(table, hash_name);
    check_column(table, source_name);

    SPI_connect_ext(SPI_OPT_NONATOMIC);
    MemoryContext lasting = CurrentMemoryContext;  // SPI's, which commits leave alone
    Job job = {};
    bool is_image = getBaseType(get_atttype(table, get_attnum(table, source_name))) == BYTEAOID;
    job.make_hash = is_image ? "semantic_hash" : "embedding_hash";
    job.hasher = PG_GETARG_TEXT_P_COPY(3);
    job.method = method_of_hasher(job.hasher);
    char *functions = schema_of_functions();
    const char *hash = pstrdup(quote_identifier(hash_name)), *source = pstrdup(quote_identifier(source_name));
    job.noticed = GetCurrentTimestamp();
    ListCell *cell;
    foreach (cell, leaves_of(table, lasting)) {
        job.table = lfirst_oid(cell);
        const char *name = get_rel_name(job.table);
        if (!name) continue;  // dropped since we began
        job.name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(job.table)), name);
        job.statement = format_statement(&job, hash, source, functions, "SKIP LOCKED");
        job.patient = format_statement(&job, hash, source, functions, "");
        set_piece(&job, batch_size);
        rehash_leaf(&job);
    }
    SPI_finish();
    ereport(NOTICE, (errmsg("rehashed " UINT64_FORMAT " rows", job.total)));
    PG_RETURN_VOID();
}
