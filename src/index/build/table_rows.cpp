// PostgreSQL scans the table and computes what the index is on; each row goes into the store of hashes or
// that of nulls.
#include "index/build/table_rows.h"

extern "C" {
#include "access/tableam.h"
#include "utils/memutils.h"
}

namespace imagehash::index {

constexpr int64 kNullMemory = 64 * 1024;

void hashes_file_name(int participant, char *name) {
    snprintf(name, kFileNameSize, "hashes.%d", participant);
}
void nulls_file_name(int participant, char *name) {
    snprintf(name, kFileNameSize, "nulls.%d", participant);
}

// The scan calls back in a context that it resets after each row.
static RowStore *make_store(const TableRows *rows, int words, void (*file_name)(int, char *), int64 memory) {
    MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(const_cast<TableRows *>(rows)));
    char name[kFileNameSize];
    file_name(rows->participant, name);
    RowStore *store = rows->files != nullptr ? make_shared_row_store(words, rows->files, name)
                                             : make_row_store(words, memory);
    MemoryContextSwitchTo(old);
    return store;
}

static void add_table_row(Relation index, ItemPointer tid, Datum *values, bool *is_null,
                          bool /* tuple_is_alive */, void *state) {
    auto rows = static_cast<TableRows *>(state);
    Entry entry;
    if (rows->misfit) return;
    make_entry(index, values[0], is_null[0], &entry);
    if (entry.is_null) {
        if (rows->nulls == nullptr) rows->nulls = make_store(rows, 0, nulls_file_name, kNullMemory);
        return add_row(rows->nulls, nullptr, tid);
    }
    if (rows->files != nullptr) {
        adopt_entry(rows->meta, entry);
        rows->misfit = !entry_fits(rows->meta->bits, rows->meta->method, entry);
        if (rows->misfit) return;
    } else {
        admit_entry(index, rows->meta, entry);
    }
    if (rows->hashes == nullptr)
        rows->hashes = make_store(rows, rows->meta->words(), hashes_file_name,
                                  maintenance_work_mem * INT64CONST(1024) / 4);
    ItemPointerData stored = stored_tid(entry, tid);
    add_row(rows->hashes, entry.code, &stored);
}

void collect_table_rows(Relation heap, Relation index, IndexInfo *info, TableScanDesc scan,
                        bool report_progress, TableRows *rows) {
    rows->table_rows =
        table_index_build_scan(heap, index, info, true, report_progress, add_table_row, rows, scan);
}

void free_table_rows(TableRows *rows) {
    if (rows->hashes != nullptr) free_row_store(rows->hashes);
    if (rows->nulls != nullptr) free_row_store(rows->nulls);
    rows->hashes = rows->nulls = nullptr;
}

}  // namespace imagehash::index
