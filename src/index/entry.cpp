// Rows on their way into the index; see entry.h.
#include "index/entry.h"

#include "pg/methods.h"

namespace imagehash::index {

void make_entry(Datum value, bool is_null, Entry *entry) {
    entry->is_null = is_null;
    if (is_null) return;
    const pg::ImageHash *hash = pg::datum_get_imagehash(value);
    entry->bits = hash->bits();
    entry->method = hash->method;
    hamming::pack_words(hash->code, hash->bytes(), entry->code);
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

void admit_entry(Relation index, Meta *meta, const Entry &entry) {
    if (entry.is_null) return;
    if (meta->bits == 0) meta->bits = entry.bits;
    if (meta->method == pg::kMethodUnknown) meta->method = entry.method;

    if (meta->bits != static_cast<uint32>(entry.bits))
        ereport(ERROR,
                (errcode(ERRCODE_STRING_DATA_LENGTH_MISMATCH),
                 errmsg("hash of %d bits does not fit into index \"%s\"", entry.bits,
                        RelationGetRelationName(index)),
                 errdetail("The index holds hashes of %u bits.", meta->bits),
                 errhint("Declare the column as imagehash(%u), or index each length with a partial index.",
                         meta->bits)));
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

Datum make_value(const Meta &meta, const uint64 *code, const ItemPointerData *stored) {
    pg::ImageHash *hash = pg::make_imagehash(static_cast<int>(meta.bits),
                                             tid_method_unknown(stored) ? pg::kMethodUnknown : meta.method);
    memcpy(hash->code, code, hash->bytes());
    return PointerGetDatum(hash);
}

}  // namespace imagehash::index
