// A row as the index takes it: the hash's code as words, checked against what the index holds.
#pragma once

#include "index/page.h"

namespace imagehash::index {

struct Entry {
    bool is_null;
    int bits;
    pg::Method method;
    uint64 code[kMaxWords];
};

void make_entry(Datum value, bool is_null, Entry *entry);

// Whether the entry needs nothing changed in the meta page.
bool entry_fits(const Meta &meta, const Entry &entry);

// Takes length and method of the first hash of its kind over into `meta`.
// ERROR where the index holds hashes of another length, or of another known method.
void admit_entry(Relation index, Meta *meta, const Entry &entry);

}  // namespace imagehash::index
