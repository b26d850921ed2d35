// Reads the rows of a tier, leaf by leaf, for who wants them all: merges and checks.
#pragma once

#include "index/store/directory.h"

namespace imagehash::index {

// A copy of the page that was read last, so that none is locked between two rows.
struct PageCopy {
    BlockNumber block;  // invalid: none
    PGAlignedBlock page;
};
// The code page's codes, copied unless they are there already. ERROR (index_corrupted) unless it is in order
// and has at least `count` codes.
const uint64 *copy_codes(Relation index, PageRef ref, int words, int count, PageCopy *copy);

struct LeafReader {
    Relation index;
    const TierDirectory *directory;
    PageCopy codes, tids;
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
