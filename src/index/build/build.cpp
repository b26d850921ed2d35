// CREATE INDEX and REINDEX: one scan of the table into stores of rows (table_rows.h), of which a tier is
// built (tier_builder.h); by parallel workers too where PostgreSQL allows any (parallel_build.h).
//
// Pages are put into the buffer pool as they are full; the whole index is logged once, at the end, so a crash
// before that leaves a file that the transaction's rollback would have removed anyway.
#include "index/build/build.h"

#include "index/build/parallel_build.h"
#include "index/build/tier_builder.h"
#include "index/store/options.h"
#include "index/store/test_point.h"

extern "C" {
#include "access/tableam.h"
#include "access/xloginsert.h"
#include "catalog/index.h"
#include "commands/progress.h"
}

namespace imagehash::index {

static BlockNumber write_null_page(Relation index, const char *image) {
    Buffer buffer = pg::extend_relation(index);
    memcpy(BufferGetPage(buffer), image, BLCKSZ);
    MarkBufferDirty(buffer);
    BlockNumber block = BufferGetBlockNumber(buffer);
    UnlockReleaseBuffer(buffer);
    return block;
}

// Returns the last page, which may have room.
static BlockNumber write_nulls(Relation index, RowStore *nulls) {
    Layout layout = Layout::of_words(0);
    PGAlignedBlock page;
    auto packed = static_cast<uint64 *>(palloc(sizeof(uint64) * layout.capacity));
    BlockNumber block = InvalidBlockNumber;
    int count;
    rewind_rows(nulls);
    while ((count = next_rows(nulls, packed, layout.capacity)) > 0) {
        CHECK_FOR_INTERRUPTS();
        init_page(page.data, kNullPage, 0, 0);
        for (int i = 0; i < count; i++) {
            ItemPointerData tid;
            unpack_tid(packed[i], &tid);
            append_entry(page.data, layout, nullptr, &tid);
        }
        block = write_null_page(index, page.data);
    }
    pfree(packed);
    return block;
}

static void write_meta(Relation index, const Meta &meta) {
    Buffer buffer = ReadBuffer(index, kMetaBlock);
    LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
    init_meta_page(BufferGetPage(buffer), meta);
    MarkBufferDirty(buffer);
    UnlockReleaseBuffer(buffer);
}

IndexBuildResult *hamming_build(Relation heap, Relation index, IndexInfo *info) {
    if (RelationGetNumberOfBlocks(index) != 0)
        elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));

    auto meta = static_cast<Meta *>(palloc(sizeof(Meta)));
    make_meta(declared_bits(index), meta);
    UnlockReleaseBuffer(pg::extend_relation(index));  // the meta page
    pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, kPhaseScan);
    TableRows *rows = nullptr;
    ParallelBuild *parallel = begin_parallel_build(heap, index, info, meta, &rows);
    if (parallel == nullptr) {
        rows = static_cast<TableRows *>(palloc0(sizeof(TableRows)));
        rows->meta = meta;
        collect_table_rows(heap, index, info, nullptr, true, rows);
    }

    auto result = static_cast<IndexBuildResult *>(palloc0(sizeof(IndexBuildResult)));
    result->heap_tuples = rows->table_rows;
    if (rows->nulls != nullptr) {
        result->index_tuples += static_cast<double>(rows->nulls->count);
        meta->null_block = write_nulls(index, rows->nulls);
    }
    if (rows->hashes != nullptr) {
        result->index_tuples += static_cast<double>(rows->hashes->count);
        meta->tiers[0] = build_tier({index, static_cast<int>(meta->bits), wants_clustering(index),
                                     &meta->next_serial, true, parallel},
                                    rows->hashes);
        meta->tiers_count = 1;
    }
    free_table_rows(rows);
    if (parallel != nullptr) end_parallel_build(parallel);
    write_meta(index, *meta);
    TEST_POINT("build-written");
    if (RelationNeedsWAL(index))
        log_newpage_range(index, MAIN_FORKNUM, 0, RelationGetNumberOfBlocks(index), true);
    TEST_POINT("build-logged");
    pfree(meta);
    return result;
}

// The init fork of an unlogged index: a copy of it replaces the index after a crash.
void hamming_buildempty(Relation index) {
    Meta meta;
    make_meta(declared_bits(index), &meta);
    Buffer buffer = pg::extend_init_fork(index);
    START_CRIT_SECTION();
    init_meta_page(BufferGetPage(buffer), meta);
    MarkBufferDirty(buffer);
    log_newpage_buffer(buffer, true);
    END_CRIT_SECTION();
    UnlockReleaseBuffer(buffer);
}

}  // namespace imagehash::index
