// Who may still read a page that has left the index: scans with a snapshot of before, here or on a replica.
//
// Snapshots. A scan has its snapshot before it reads the meta page, so whoever gets one later does not see
// the pages that have left. Of the snapshots of now, those of this database count; VACUUM has one too and
// does not scan, so PROC_IN_VACUUM is left out, as VACUUM leaves itself out of everybody's horizon.
// GetCurrentVirtualXIDs() lists the transactions that hold one, VirtualXactLock() says whether such a
// transaction is through: that is how CREATE INDEX CONCURRENTLY waits, except that it waits without end and
// we ask every millisecond, because an inserter may wait for the structure lock that the caller holds. The
// wait is one on the process's latch: it appears in pg_stat_activity (Extension), is cancelled at once, and
// ends with the postmaster.
//
// Replicas. They tell of their snapshots only through transaction ids (hot_standby_feedback), by the slot's
// xmin or by that of their WAL sender, and without it not at all. So where there is a slot that holds an
// xmin, or any WAL sender at all, pages keep the mark of the next transaction id. Each sender's pid is read
// under its spinlock, as walsender_private.h asks; pg_stat_get_wal_senders() reads it in the same way from
// PostgreSQL 15 to 18.
//
// Both answers are of a moment. A replica that connects later, or that replays WAL from an archive, may meet
// a page that is in use again: the page has another serial number then, and the statement there ends with a
// serialization failure (README.md, Scan). Too late an answer costs that, never a wrong row.
//
// What it gains: without other transactions no transaction id ever comes, so that no page that a vacuum takes
// out would be free before the next vacuum. With it VACUUM goes round the largest tier in 16 parts, and each
// part is written over what the last one left. Measured on 200,000 rows of which a quarter was replaced four
// times, each time with a VACUUM by the same session: the index grew from 3.0 to 5.0 MB with the first and
// stayed there; with marks of the next transaction id it grew with each, to 10.9 MB.
#include "index/store/old_readers.h"

#include "pg/server/pg.h"

extern "C" {
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/spin.h"
#include "utils/wait_event.h"
}

namespace imagehash::index {

// That vacuum waits for scans before it leaves pages to the next vacuum.
constexpr int kLongestWaitMs = 20;

static bool is_active(WalSnd *sender) {
    SpinLockAcquire(&sender->mutex);
    const pid_t pid = sender->pid;
    SpinLockRelease(&sender->mutex);
    return pid != 0;
}

bool no_replica_reads() {
    TransactionId xmin, catalog_xmin;
    ProcArrayGetReplicationSlotXmin(&xmin, &catalog_xmin);
    if (TransactionIdIsValid(xmin)) return false;
    for (int i = 0; i < max_wal_senders; i++)
        if (is_active(&WalSndCtl->walsnds[i])) return false;
    return true;
}

static void wait_a_millisecond() {
    WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 1, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
}

bool snapshots_end_soon() {
    int count, waited_ms = 0;
    VirtualTransactionId *holders =
        GetCurrentVirtualXIDs(InvalidTransactionId, true, false, PROC_IN_VACUUM, &count);
    for (int i = 0; i < count; i++)
        while (!VirtualXactLock(holders[i], false)) {
            if (waited_ms++ == kLongestWaitMs) return false;
            wait_a_millisecond();
        }
    return true;
}

}  // namespace imagehash::index
