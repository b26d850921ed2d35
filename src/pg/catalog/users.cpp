// Waits for transactions that use a row, or may have made what will.
#include "pg/catalog/users.h"

extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_proc.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
}

namespace imagehash::pg {

// A transaction of another session, still running, that has made something which depends on a function; where
// there is none, invalid. Every expression that calls one has such a row.
static TransactionId maker_of_expressions() {
    SnapshotData dirty;
    InitDirtySnapshot(dirty);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(ProcedureRelationId));
    Relation dependencies = table_open(DependRelationId, AccessShareLock);
    SysScanDesc scan = systable_beginscan(dependencies, DependReferenceIndexId, true, &dirty, 1, &key);
    TransactionId maker = InvalidTransactionId;
    while (!TransactionIdIsValid(maker) && HeapTupleIsValid(systable_getnext(scan))) maker = dirty.xmin;
    systable_endscan(scan);
    table_close(dependencies, AccessShareLock);
    return maker;
}

void lock_against_users(CatalogTable which, const char *name) {
    Oid table = catalog_table(which);
    for (;;) {
        TransactionId maker = maker_of_expressions();
        if (!TransactionIdIsValid(maker)) {
            lock_catalog_name(table, name, AccessExclusiveLock);
            maker = maker_of_expressions();
            if (!TransactionIdIsValid(maker)) return;
            unlock_catalog_name(table, name, AccessExclusiveLock);
        }
        CHECK_FOR_INTERRUPTS();
        XactLockTableWait(maker, nullptr, nullptr, XLTW_None);
    }
}

}  // namespace imagehash::pg
