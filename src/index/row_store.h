// The rows of a tier that is being built, until their leaves are known: in memory as far as it goes, then in
// a temporary file.
#pragma once

#include "index/page.h"

extern "C" {
#include "storage/buffile.h"
}

namespace imagehash::index {

struct RowStore {
    int words;
    int64 count;
    int64 memory_limit;  // rows
    int64 memory_room;
    uint64 *memory;
    BufFile *file;
    int64 next;  // to be read
    MemoryContext context;
};

// A row as it is kept: `words` words of code, then the TID as the index stores it.
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

}  // namespace imagehash::index
