// Rows are appended, then read from the first to the last, as often as is wanted: an array that doubles up to
// the limit, and behind it a file.
#include "index/build/row_store.h"

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

RowStore *make_joined_row_store(int words) {
    return make_row_store(words, 0);
}

static void add_file(RowStore *store, BufFile *file) {
    Size size = sizeof(BufFile *) * (store->files_count + 1);
    store->files = static_cast<BufFile **>(store->files == nullptr ? MemoryContextAlloc(store->context, size)
                                                                   : repalloc(store->files, size));
    store->files[store->files_count++] = file;
}

RowStore *make_shared_row_store(int words, FileSet *set, const char *name) {
    RowStore *store = make_row_store(words, 0);
    add_file(store, BufFileCreateFileSet(set, name));
    return store;
}

void share_rows(RowStore *store) {
    BufFileExportFileSet(store->files[0]);
}

void join_shared_rows(RowStore *store, FileSet *set, const char *name, int64 count) {
    add_file(store, BufFileOpenFileSet(set, name, O_RDONLY, false));
    store->count += count;
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
    for (int w = 0; w < store->words; w++) row[w] = code[w];
    row[store->words] = pack_tid(tid);
    if (store->count < store->memory_limit) {
        if (store->count == store->memory_room) grow_memory(store);
        memcpy(store->memory + store->count * (store->words + 1), row, row_size(store->words));
    } else {
        if (store->files_count == 0) {
            MemoryContext old = MemoryContextSwitchTo(store->context);
            add_file(store, BufFileCreateTemp(false));
            MemoryContextSwitchTo(old);
        }
        BufFileWrite(store->files[0], row, row_size(store->words));
    }
    store->count++;
}

int64 row_store_memory(const RowStore *store) {
    return store->memory_room * row_size(store->words);
}

void rewind_rows(RowStore *store) {
    store->next = 0;
    store->next_file = 0;
    for (int f = 0; f < store->files_count; f++)
        if (BufFileSeek(store->files[f], 0, 0, SEEK_SET) != 0)
            ereport(ERROR, (errcode_for_file_access(), errmsg("could not rewind temporary file")));
}

// Fewer than `room` at the end of each file.
static int read_rows(RowStore *store, uint64 *rows, int room) {
    while (store->next_file < store->files_count) {
        Size size = BufFileRead(store->files[store->next_file], rows,
                                static_cast<Size>(room) * row_size(store->words));
        if (size % row_size(store->words) != 0) break;
        if (size > 0) return static_cast<int>(size / row_size(store->words));
        store->next_file++;
    }
    ereport(ERROR, (errcode_for_file_access(), errmsg("could not read from temporary file")));
}

int next_rows(RowStore *store, uint64 *rows, int room) {
    int64 in_memory = Min(store->count, store->memory_limit);
    int64 left = (store->next < in_memory ? in_memory : store->count) - store->next;
    int count = static_cast<int>(Min(left, static_cast<int64>(room)));
    if (count == 0) return 0;
    if (store->next < in_memory)
        memcpy(rows, store->memory + store->next * (store->words + 1),
               static_cast<Size>(count) * row_size(store->words));
    else
        count = read_rows(store, rows, count);
    store->next += count;
    return count;
}

void free_row_store(RowStore *store) {
    if (store->memory != nullptr) pfree(store->memory);
    for (int f = 0; f < store->files_count; f++) BufFileClose(store->files[f]);
    if (store->files != nullptr) pfree(store->files);
    pfree(store);
}

}  // namespace imagehash::index
