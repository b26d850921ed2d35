// Rows in memory, then in a file; see row_store.h.
#include "index/row_store.h"

extern "C" {
#include "utils/memutils.h"
}

namespace imagehash::index {

RowStore *make_row_store(int words, int64 memory) {
    auto store = static_cast<RowStore *>(palloc0(sizeof(RowStore)));
    store->words = words;
    store->memory_limit = memory / row_size(words);
    store->context = CurrentMemoryContext;
    return store;
}

static void grow_memory(RowStore *store) {
    store->memory_room = Min(Max(store->memory_room * 2, INT64CONST(1024)), store->memory_limit);
    Size size = store->memory_room * row_size(store->words);
    store->memory =
        static_cast<uint64 *>(store->memory == nullptr ? MemoryContextAllocHuge(store->context, size)
                                                       : repalloc_huge(store->memory, size));
}

void add_row(RowStore *store, const uint64 *code, const ItemPointerData *tid) {
    uint64 row[kMaxWords + 1];
    memcpy(row, code, store->words * sizeof(uint64));
    row[store->words] = pack_tid(tid);
    if (store->count < store->memory_limit) {
        if (store->count == store->memory_room) grow_memory(store);
        memcpy(store->memory + store->count * (store->words + 1), row, row_size(store->words));
    } else {
        if (store->file == nullptr) {
            MemoryContext old = MemoryContextSwitchTo(store->context);
            store->file = BufFileCreateTemp(false);
            MemoryContextSwitchTo(old);
        }
        BufFileWrite(store->file, row, row_size(store->words));
    }
    store->count++;
}

void rewind_rows(RowStore *store) {
    store->next = 0;
    if (store->file != nullptr && BufFileSeek(store->file, 0, 0, SEEK_SET) != 0)
        ereport(ERROR, (errcode_for_file_access(), errmsg("could not rewind temporary file")));
}

int next_rows(RowStore *store, uint64 *rows, int room) {
    int64 in_memory = Min(store->count, store->memory_limit);
    int64 left = (store->next < in_memory ? in_memory : store->count) - store->next;
    int count = static_cast<int>(Min(left, static_cast<int64>(room)));
    Size size = static_cast<Size>(count) * row_size(store->words);
    if (count == 0) return 0;
    if (store->next < in_memory)
        memcpy(rows, store->memory + store->next * (store->words + 1), size);
    else if (BufFileRead(store->file, rows, size) != size)
        ereport(ERROR, (errcode_for_file_access(), errmsg("could not read from temporary file")));
    store->next += count;
    return count;
}

void free_row_store(RowStore *store) {
    if (store->memory != nullptr) pfree(store->memory);
    if (store->file != nullptr) BufFileClose(store->file);
    pfree(store);
}

}  // namespace imagehash::index
