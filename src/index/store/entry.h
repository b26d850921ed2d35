// A row as the index takes it: the hash's code as words, checked against what the index holds.
#pragma once

#include "index/store/input_type.h"
#include "index/store/meta.h"

namespace imagehash::index {

struct Entry {
    bool is_null;
    int bits;
    pg::Method method;
    uint64 code[kMaxWords];
};

void make_entry(Relation index, Datum value, bool is_null, Entry *entry);

// Whether the entry needs nothing changed in the meta page.
bool entry_fits(uint32 bits, uint32 method, const Entry &entry);

// The TID as the index keeps it: with whether the method is unknown.
ItemPointerData stored_tid(const Entry &entry, const ItemPointerData *tid);

// The first hash decides the length, the first of a known method the method.
void adopt_entry(Meta *meta, const Entry &entry);

// Takes length and method of the first hash of its kind over into `meta`.
// ERROR where the index holds hashes of another length, or of another known method.
void admit_entry(Relation index, Meta *meta, const Entry &entry);

// The value of an entry that is in the index; palloc'd.
Datum make_value(Relation index, const Meta &meta, const uint64 *code, const ItemPointerData *stored);

}  // namespace imagehash::index
