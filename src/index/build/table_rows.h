// The table's rows as a build collects them, all of them or a participant's share: hashes and nulls apart.
#pragma once

#include "index/store/entry.h"
#include "index/build/row_store.h"

extern "C" {
#include "nodes/execnodes.h"
}

namespace imagehash::index {

struct TableRows {
    Meta *meta;         // takes over length and method of the hashes
    RowStore *hashes;   // null where there are none
    RowStore *nulls;    // of 0 words; null where there are none
    double table_rows;  // that were scanned

    // In a parallel build: where the rows go. A hash that does not fit is then no error but noted, and no
    // more rows are taken.
    FileSet *files;
    int participant;
    bool misfit;
};

// The names of a participant's files.
constexpr int kFileNameSize = 32;
void hashes_file_name(int participant, char *name);
void nulls_file_name(int participant, char *name);

// Scans the table, or what `scan` hands out of it. `rows` has its meta, all else zero but for what a parallel
// build sets; it is palloc'd, and its stores come into its memory context.
void collect_table_rows(Relation heap, Relation index, IndexInfo *info, TableScanDesc scan,
                        bool report_progress, TableRows *rows);
void free_table_rows(TableRows *rows);

}  // namespace imagehash::index
