// The tables of the catalog, imagehash.image_model and imagehash.hasher.
//
// By OID and by membership in the extension, never through search_path: what a user creates under these names
// elsewhere is not looked at.
#pragma once

#include "pg/server/pg.h"

extern "C" {
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/extension.h"
#include "common/hashfn.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace imagehash::pg {

constexpr char kCatalogSchema[] = "imagehash";
// A name is also part of a function's name (rows.cpp).
constexpr int kMaxCatalogName = 48;  // bytes

enum class CatalogTable { image_model, hasher };

inline const char *name_of(CatalogTable table) {
    return table == CatalogTable::hasher ? "hasher" : "image_model";
}

// ERROR 42602 where a row cannot have that name. `kind`: of what, for the message.
inline void check_catalog_name(const char *kind, const char *name) {
    size_t length = strlen(name);
    if (length == 0 || length > kMaxCatalogName)
        ereport(ERROR, (errcode(ERRCODE_INVALID_NAME), errmsg("name of a %s must have 1 to %d bytes, not %zu",
                                                              kind, kMaxCatalogName, length)));
}

// ERROR where the extension is not there, or is not whole.
inline Oid catalog_table(CatalogTable table) {
    Oid schema = get_namespace_oid(kCatalogSchema, true);
    Oid found = OidIsValid(schema) ? get_relname_relid(name_of(table), schema) : InvalidOid;
    Oid extension = get_extension_oid("imagehash", true);
    if (!OidIsValid(found) || !OidIsValid(extension) ||
        getExtensionOfObject(RelationRelationId, found) != extension)
        ereport(
            ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("table \"%s.%s\" of extension imagehash is not there", kCatalogSchema, name_of(table)),
             errhint("Run CREATE EXTENSION imagehash in this database, or ALTER EXTENSION imagehash "
                     "UPDATE.")));
    return found;
}

// Locks of names, until the transaction ends: who uses a row holds AccessShareLock, who drops it
// AccessExclusiveLock (pg_locks shows the table as classid). Names that share a hash wait for each other.
inline Oid lock_number(const char *name) {
    return DatumGetUInt32(
        hash_any(reinterpret_cast<const unsigned char *>(name), static_cast<int>(strlen(name))));
}
inline void lock_catalog_name(Oid table, const char *name, LOCKMODE mode) {
    LockDatabaseObject(table, lock_number(name), 0, mode);
}
inline void unlock_catalog_name(Oid table, const char *name, LOCKMODE mode) {
    UnlockDatabaseObject(table, lock_number(name), 0, mode);
}

// Who may do everything with the catalog; trusted as a superuser is, since he can take its triggers off.
inline Oid owner_of(Oid relation) {
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple))
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("table with OID %u does not exist", relation)));
    Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    return owner;
}

// Beside each user's row stands a function of its name (catalog_rows.cpp).
inline char *function_name(CatalogTable which, const char *name) {
    return psprintf("%s %s", name_of(which), name);
}

// Whether that is one of ours: it returns a row of the table and belongs to somebody who could have written
// it.
inline bool is_function_beside(Form_pg_proc function, Oid table, Oid owner) {
    return function->prorettype == get_rel_type_id(table) && !function->proretset &&
           function->prokind == PROKIND_FUNCTION && function->pronargs == 0 &&
           (function->proowner == owner || superuser_arg(function->proowner));
}

// The function beside a row; invalid where there is none.
inline Oid function_beside(CatalogTable which, const char *name) {
    Oid table = catalog_table(which);
    char *function = function_name(which, name);
    if (strlen(function) >= NAMEDATALEN) return InvalidOid;
    HeapTuple tuple = SearchSysCache3(PROCNAMEARGSNSP, CStringGetDatum(function),
                                      PointerGetDatum(buildoidvector(nullptr, 0)),
                                      ObjectIdGetDatum(get_rel_namespace(table)));
    if (!HeapTupleIsValid(tuple)) return InvalidOid;
    Form_pg_proc form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    Oid found = is_function_beside(form, table, owner_of(table)) ? form->oid : InvalidOid;
    ReleaseSysCache(tuple);
    return found;
}

}  // namespace imagehash::pg
