// The rules of what an index admits: one length, and one known method beside the unknown one.
#include "index/store/entry.h"

#include "pg/value/methods.h"

namespace imagehash::index {

void make_entry(Relation index, Datum value, bool is_null, Entry *entry) {
    entry->is_null = is_null;
    if (is_null) return;
    const Input input = read_input(input_type(index), value);
    require_length(index, input.bits);
    entry->bits = input.bits;
    entry->method = input.method;
    hamming::pack_words(input.code, input.bytes, entry->code);
}

bool entry_fits(uint32 bits, uint32 method, const Entry &entry) {
    return entry.is_null || (bits == static_cast<uint32>(entry.bits) &&
                             (entry.method == pg::kMethodUnknown || entry.method == method));
}

ItemPointerData stored_tid(const Entry &entry, const ItemPointerData *tid) {
    ItemPointerData stored = *tid;
    if (!entry.is_null && entry.method == pg::kMethodUnknown) stored.ip_posid |= kUnknownMethod;
    return stored;
}

void adopt_entry(Meta *meta, const Entry &entry) {
    if (meta->bits == 0) meta->bits = entry.bits;
    if (meta->method == pg::kMethodUnknown) meta->method = entry.method;
}

void admit_entry(Relation index, Meta *meta, const Entry &entry) {
    if (entry.is_null) return;
    adopt_entry(meta, entry);
    if (meta->bits != static_cast<uint32>(entry.bits)) refuse_length(index, entry.bits, meta->bits);
    if (!pg::methods_comparable(meta->method, entry.method)) {
        char held[pg::kMethodNameSize], given[pg::kMethodNameSize];
        pg::method_name(meta->method, held);
        pg::method_name(entry.method, given);
        ereport(
            ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("hash of method \"%s\" does not fit into index \"%s\"", given,
                    RelationGetRelationName(index)),
             errdetail("The index holds hashes of method \"%s\", and distances between the two mean nothing.",
                       held),
             errhint("Hash all rows with the same function, or index each method with a partial index on "
                     "imagehash_method(). REINDEX the index if it no longer holds rows of the old method.")));
    }
}

Datum make_value(Relation index, const Meta &meta, const uint64 *code, const ItemPointerData *stored) {
    return make_input(input_type(index), static_cast<int>(meta.bits),
                      tid_method_unknown(stored) ? pg::kMethodUnknown : meta.method, code);
}

}  // namespace imagehash::index
