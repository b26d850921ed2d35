// Triggers on the catalog's tables, drop_hasher() and drop_image_model().
//
// Rows never change, and go only when nothing uses them. Beside each user's row stands a function of its name
// that returns it (imagehash."hasher mine"()): functions are made by pg_restore before it fills tables, in
// any order and several at once, so a generated column finds its hasher there. It is no member of the
// extension, so that pg_dump writes it; and since it returns the table's row type, DROP EXTENSION without
// CASCADE stops. Its grants say whose hasher it is: EXECUTE with grant option is ownership (drop_row). Grants
// hold roles and not their names, pg_dump writes them, and DROP ROLE refuses while they are there.
//
// Who may INSERT and DELETE is decided here and not by grants on the tables: pg_write_all_data is one.
#include "pg/catalog/expressions.h"
#include "pg/catalog/users.h"
#include "pg/server/as_owner.h"

extern "C" {
#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/inval.h"
}

using namespace imagehash;

namespace imagehash::pg {

static Datum column_of(TriggerData *trigger, HeapTuple tuple, const char *column, bool *is_null) {
    TupleDesc descriptor = RelationGetDescr(trigger->tg_relation);
    return SPI_getbinval(tuple, descriptor, SPI_fnumber(descriptor, column), is_null);
}

static bool is_hasher_table(const TriggerData *trigger) {
    return strcmp(RelationGetRelationName(trigger->tg_relation), name_of(CatalogTable::hasher)) == 0;
}

static void require_trigger(FunctionCallInfo fcinfo) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        ereport(ERROR,
                (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED), errmsg("this is a trigger function")));
    TriggerData *trigger = reinterpret_cast<TriggerData *>(fcinfo->context);
    Oid table = RelationGetRelid(trigger->tg_relation);
    if (table != catalog_table(CatalogTable::hasher) && table != catalog_table(CatalogTable::image_model))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("this trigger belongs to the catalog of imagehash")));
}

// What is shipped stays.
static void refuse_shipped(const char *kind, const char *name) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("%s \"%s\" belongs to the extension imagehash", kind, name)));
}

static bool is_shipped(TriggerData *trigger) {
    bool is_null, hasher = is_hasher_table(trigger);
    Datum mark = column_of(trigger, trigger->tg_trigtuple, hasher ? "weights" : "file", &is_null);
    return hasher ? is_null : !is_null && TextDatumGetCString(mark)[0] != '/';
}

// The first copy of a subscription, of a publication FOR ALL TABLES too, brings what came with the extension.
static bool is_here_already(TriggerData *trigger) {
    if (!is_shipped(trigger)) return false;
    bool is_null;
    Oid type = TEXTOID;
    Datum name = column_of(trigger, trigger->tg_trigtuple, "name", &is_null);
    if (is_null) return false;
    SPI_connect();
    SPI_execute_with_args(psprintf("SELECT FROM imagehash.%s WHERE name OPERATOR(pg_catalog.=) $1",
                                   RelationGetRelationName(trigger->tg_relation)),
                          1, &type, &name, nullptr, false, 1);
    bool found = SPI_processed > 0;
    SPI_finish();
    return found;
}

// A network is code that the server runs. Hashers are only data; the functions that enter them decide who
// may, and insert as the owner.
static void check_may_insert(TriggerData *trigger) {
    if (!is_hasher_table(trigger)) {
        if (!superuser())
            ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                            errmsg("must be superuser to insert into imagehash.image_model"),
                            errdetail("A registered network is code that runs with the rights of the "
                                      "server.")));
    } else if (!has_privs_of_role(GetUserId(), trigger->tg_relation->rd_rel->relowner)) {
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("must be owner of table imagehash.hasher to insert into it"),
                        errhint("train_hasher() and import_hasher() make hashers.")));
    }
}

static void check_may_delete(TriggerData *trigger) {
    if (has_privs_of_role(GetUserId(), trigger->tg_relation->rd_rel->relowner)) return;
    bool hasher = is_hasher_table(trigger);
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("must be owner of table imagehash.%s to delete from it",
                           RelationGetRelationName(trigger->tg_relation)),
                    errhint("%s drops one.", hasher ? "drop_hasher()" : "drop_image_model()")));
}

static void check_unused(TriggerData *trigger) {
    HeapTuple row = trigger->tg_trigtuple;
    bool is_null, hasher = is_hasher_table(trigger);
    const char *kind = hasher ? "hasher" : "model";
    Datum named = column_of(trigger, row, "name", &is_null);
    if (is_null) return;  // written by hand, past the constraints
    char *name = TextDatumGetCString(named);
    if (is_shipped(trigger)) refuse_shipped(kind, name);

    CatalogTable which = hasher ? CatalogTable::hasher : CatalogTable::image_model;
    lock_against_users(which, name);
    char *users = users_of(which, name);
    Datum sha256 = hasher ? static_cast<Datum>(0) : column_of(trigger, row, "sha256", &is_null);
    if (!hasher && !is_null) {
        char *hashers = hashers_of(sha256);
        if (hashers) users = users ? psprintf("%s\n%s", hashers, users) : hashers;
    }
    if (users)
        ereport(ERROR, (errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
                        errmsg("cannot drop %s \"%s\" because other objects use it", kind, name),
                        errdetail_internal("%s", users)));
}

// The owner of the tables may drop everything, and a hasher whoever holds its function with grant option.
static bool may_drop(Oid user, Oid owner, CatalogTable which, const char *name) {
    if (has_privs_of_role(user, owner)) return true;
    Oid function = which == CatalogTable::hasher ? function_beside(which, name) : InvalidOid;
    return OidIsValid(function) && has_function_right(function, user, ACL_GRANT_OPTION_FOR(ACL_EXECUTE));
}

// Deletes the row as the owner of the tables; the trigger decides whether it may go.
static void drop_row(CatalogTable which, const char *kind, const char *name) {
    Oid owner = owner_of(catalog_table(which)), user = GetUserId();
    run_as(owner, [&] {
        SPI_connect();
        Oid type = TEXTOID;
        Datum value = CStringGetTextDatum(name);
        const char *table = name_of(which);
        SPI_execute_with_args(
            psprintf("SELECT FROM imagehash.%s WHERE name OPERATOR(pg_catalog.=) $1 FOR UPDATE", table), 1,
            &type, &value, nullptr, false, 1);
        if (SPI_processed == 0)
            ereport(ERROR,
                    (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("%s \"%s\" does not exist", kind, name)));
        if (!may_drop(user, owner, which, name))
            ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                            errmsg("must be owner of %s \"%s\"", kind, name)));
        SPI_execute_with_args(
            psprintf("DELETE FROM imagehash.%s WHERE name OPERATOR(pg_catalog.=) $1", table), 1, &type,
            &value, nullptr, false, 0);
        SPI_finish();
    });
}

// The row as text in a function that returns it. The settings of the trigger's function make that text
// unambiguous.
static void make_function(TriggerData *trigger, const char *function) {
    Relation table = trigger->tg_relation;
    Datum row = heap_copy_tuple_as_datum(trigger->tg_trigtuple, RelationGetDescr(table));
    Oid types[] = {RelationGetForm(table)->reltype, TEXTOID};
    Datum values[] = {row, CStringGetTextDatum(function)};
    const char *type_name = RelationGetRelationName(table);
    SPI_execute_with_args(
        psprintf("SELECT pg_catalog.format('CREATE OR REPLACE FUNCTION imagehash.%%s() RETURNS imagehash.%s "
                 "LANGUAGE sql IMMUTABLE PARALLEL SAFE AS %%L', $2, pg_catalog.format('SELECT "
                 "%%L::imagehash.%s', $1::pg_catalog.text))",
                 type_name, type_name),
        2, types, values, nullptr, true, 1);
    SPI_execute(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1), false, 0);
    // One that a restore made keeps its grants.
    SPI_execute(psprintf("REVOKE ALL ON FUNCTION imagehash.%s() FROM PUBLIC", function), false, 0);
}

}  // namespace imagehash::pg

IMAGEHASH_FUNCTION(imagehash_protect_catalog_rows) {
    pg::require_trigger(fcinfo);
    TriggerData *trigger = reinterpret_cast<TriggerData *>(fcinfo->context);
    bool kept = true;
    pg::run_with_safe_path([&] {
        if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event)) {
            pg::check_may_delete(trigger);
            pg::check_unused(trigger);
        } else if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event)) {
            kept = !pg::is_here_already(trigger);
            if (kept) pg::check_may_insert(trigger);
        } else {
            ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                            errmsg("rows of imagehash.%s never change",
                                   RelationGetRelationName(trigger->tg_relation)),
                            errhint("Stored hashes were made with them. Enter another row under another "
                                    "name.")));
        }
    });
    return PointerGetDatum(kept ? trigger->tg_trigtuple : nullptr);
}

IMAGEHASH_FUNCTION(imagehash_mirror_catalog_rows) {
    pg::require_trigger(fcinfo);
    TriggerData *trigger = reinterpret_cast<TriggerData *>(fcinfo->context);
    Relation table = trigger->tg_relation;
    bool is_null;
    Datum name = pg::column_of(trigger, trigger->tg_trigtuple, "name", &is_null);
    if (is_null) return PointerGetDatum(nullptr);  // written by hand, past the constraints
    pg::CatalogTable which =
        pg::is_hasher_table(trigger) ? pg::CatalogTable::hasher : pg::CatalogTable::image_model;
    const char *function = quote_identifier(pg::function_name(which, TextDatumGetCString(name)));
    pg::run_as(table->rd_rel->relowner, [&] {
        SPI_connect();
        if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
            SPI_execute(psprintf("DROP FUNCTION IF EXISTS imagehash.%s()", function), false, 0);
        else
            pg::make_function(trigger, function);
        SPI_finish();
    });
    // Other sessions look again at what they have loaded.
    CacheInvalidateRelcache(table);
    return PointerGetDatum(nullptr);
}

IMAGEHASH_FUNCTION(imagehash_drop_hasher) {
    pg::drop_row(pg::CatalogTable::hasher, "hasher", text_to_cstring(PG_GETARG_TEXT_PP(0)));
    PG_RETURN_VOID();
}

IMAGEHASH_FUNCTION(imagehash_drop_image_model) {
    pg::drop_row(pg::CatalogTable::image_model, "model", text_to_cstring(PG_GETARG_TEXT_PP(0)));
    PG_RETURN_VOID();
}
