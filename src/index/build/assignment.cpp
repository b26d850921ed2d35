// PostgreSQL's own tuplesort sorts, so that it spills and merges with workers: rows go into it as bytea that
// compare in the order of leaf and radius.
#include "index/build/assignment.h"

extern "C" {
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "commands/progress.h"
#include "port/pg_bswap.h"
#include "utils/memutils.h"
}

namespace imagehash::index {

namespace {

// What is sorted, as bytea: leaf, radius, code, TID; the first two as bytes that compare as numbers.
struct SortRow {
    char header[VARHDRSZ];
    uint32 leaf;
    uint32 radius;
    uint64 row[kMaxWords + 1];
};

}  // namespace
static int sort_row_size(int words) {
    return static_cast<int>(offsetof(SortRow, row)) + row_size(words);
}

Tuplesortstate *begin_assigned_sort(int64 memory, SortCoordinate coordinate) {
    int kilobytes = static_cast<int>(Max(memory / 1024, INT64CONST(64)));  // the least it takes
    return tuplesort_begin_datum(BYTEAOID, ByteaLessOperator, InvalidOid, false, kilobytes, coordinate,
                                 TUPLESORT_NONE);
}

static void put_rows(const AssignmentJob &job, const uint64 *rows, int count,
                     const hamming::Assignment *leaves) {
    const int words = job.rows->words;
    SortRow row;
    SET_VARSIZE(&row, sort_row_size(words));
    for (int i = 0; i < count; i++) {
        job.leaf_counts[leaves[i].leaf]++;
        row.leaf = pg_hton32(leaves[i].leaf);
        row.radius = pg_hton32(leaves[i].radius);
        memcpy(row.row, rows + i * (words + 1), row_size(words));
        tuplesort_putdatum(job.sort, PointerGetDatum(&row), false);
    }
}

void assign_rows(const AssignmentJob &job) {
    const int words = job.rows->words;
    auto chunk = static_cast<uint64 *>(palloc(kRowsAtOnce * row_size(words)));
    auto codes = static_cast<uint64 *>(palloc(kRowsAtOnce * words * sizeof(uint64)));
    auto leaves = static_cast<hamming::Assignment *>(palloc(kRowsAtOnce * sizeof(hamming::Assignment)));
    int count;
    rewind_rows(job.rows);
    while ((count = next_rows(job.rows, chunk, kRowsAtOnce)) > 0) {
        CHECK_FOR_INTERRUPTS();
        for (int i = 0; i < count; i++)
            memcpy(codes + i * words, chunk + i * (words + 1), words * sizeof(uint64));
        job.clustering->assign(codes, count, leaves);
        add_to_statistics(job.statistics, codes, count, leaves, *job.clustering);
        put_rows(job, chunk, count, leaves);
        uint64 done = pg_atomic_add_fetch_u64(job.done, count);
        if (job.report_progress)
            pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, static_cast<int64>(done));
    }
    pfree(leaves);
    pfree(codes);
    pfree(chunk);
}

bool next_assigned_row(Tuplesortstate *sort, int words, AssignedRow *row) {
    Datum datum;
    if (!pg::next_sorted_datum(sort, &datum)) return false;
    SortRow sorted;
    memcpy(static_cast<void *>(&sorted), DatumGetPointer(datum), sort_row_size(words));
    row->leaf = pg_ntoh32(sorted.leaf);
    row->radius = static_cast<uint16>(pg_ntoh32(sorted.radius));
    memcpy(row->code, sorted.row, words * sizeof(uint64));
    unpack_tid(sorted.row[words], &row->tid);
    return true;
}

}  // namespace imagehash::index
