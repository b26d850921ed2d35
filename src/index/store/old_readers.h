// Whether somebody may still read pages that have left the index by now: for vacuum, which would like to use
// them again at once. How it is found out, and why that is right, is said in the .cpp.
#pragma once

namespace imagehash::index {

// Whether no replica is connected, nor has a replication slot that keeps rows for it.
bool no_replica_reads();

// Waits at most 20 ms for the end of all snapshots of now; whether they have ended. An interrupt ends the
// wait as any other.
bool snapshots_end_soon();

}  // namespace imagehash::index
