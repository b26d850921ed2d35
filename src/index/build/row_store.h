// The rows of a tier that is being built, until their leaves are known: in memory as far as it goes, then in
// a temporary file; or in files that the participants of a parallel build share.
#pragma once

#include "index/store/page.h"

extern "C" {
#include "storage/buffile.h"
#include "storage/sharedfileset.h"
}

namespace imagehash::index {

struct RowStore {
    int words;
    int64 count;
    int64 memory_limit;  // rows
    int64 memory_room;
    uint64 *memory;
    BufFile **files;  // one, or what several participants wrote, one after the other
    int files_count;
    int64 next;     // row to be read
    int next_file;  // it is in
    MemoryContext context;
};

// A row as it is kept: `words` words of code, then the TID as the index stores it. Null hashes have 0 words.
constexpr int row_size(int words) {
    return (words + 1) * static_cast<int>(sizeof(uint64));
}

// In the current memory context; `memory` in bytes.
RowStore *make_row_store(int words, int64 memory);
void add_row(RowStore *store, const uint64 *code, const ItemPointerData *tid);
void rewind_rows(RowStore *store);
// The next rows, at most `room`; returns how many, 0 at the end.
int next_rows(RowStore *store, uint64 *rows, int room);
void free_row_store(RowStore *store);
// Bytes of memory that the rows take.
int64 row_store_memory(const RowStore *store);

// A store whose rows are all in a file `name` of the set. After share_rows(), which ends writing, others can
// read them too.
RowStore *make_shared_row_store(int words, FileSet *set, const char *name);
void share_rows(RowStore *store);
// To read what others wrote: an empty store that gets their files one by one.
RowStore *make_joined_row_store(int words);
void join_shared_rows(RowStore *store, FileSet *set, const char *name, int64 count);

}  // namespace imagehash::index
