// Reads the rows of a tier, leaf by leaf, for who wants them all: merges and checks.
#pragma once

#include "index/store/directory.h"

namespace imagehash::index {

// Holds copies of the pages it has read last, so that no page is locked between two rows.
struct LeafReader {
    Relation index;
    const TierDirectory *directory;
    BlockNumber code_block, tid_block;  // that are in memory
    PGAlignedBlock codes, tids;
};

void start_reader(Relation index, const TierDirectory *directory, LeafReader *reader);

// Where an entry of a leaf lies.
struct EntryPlace {
    PageRef code_page, tid_page;
    int code, tid;  // on their pages
};
EntryPlace place_of(const TierDirectory &directory, uint32 leaf, uint32 entry);

// The entry's code and TID, as stored; entries that vacuum has removed too. ERROR (index_corrupted) where the
// pages do not have them.
void read_entry(LeafReader *reader, uint32 leaf, uint32 entry, uint64 *code, ItemPointer tid);

}  // namespace imagehash::index
