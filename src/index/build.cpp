// CREATE INDEX and REINDEX: one scan of the table into a store of rows, of which a tier is built
// (tier_builder.h).
//
// Pages are put into the buffer pool as they are full; the whole index is logged once, at the end, so a crash
// before that leaves a file that the transaction's rollback would have removed anyway.
#include "index/access_method.h"
#include "index/entry.h"
#include "index/options.h"
#include "index/tier_builder.h"

extern "C" {
#include "access/tableam.h"
#include "access/xloginsert.h"
#include "catalog/index.h"
#include "commands/progress.h"
}

namespace imagehash::index {

struct BuildState {
    Meta meta;
    RowStore *hashes;
    double nulls;
    bool null_page_started;
    PGAlignedBlock null_page;
};

static void write_null_page(Relation index, BuildState *state) {
    Buffer buffer = pg::extend_relation(index);
    memcpy(BufferGetPage(buffer), state->null_page.data, BLCKSZ);
    MarkBufferDirty(buffer);
    state->meta.null_block = BufferGetBlockNumber(buffer);
    UnlockReleaseBuffer(buffer);
    state->null_page_started = false;
}

static void add_null(Relation index, BuildState *state, ItemPointer tid) {
    Layout layout = Layout::of_words(0);
    if (state->null_page_started && page_count(state->null_page.data) == layout.capacity)
        write_null_page(index, state);
    if (!state->null_page_started) {
        init_page(state->null_page.data, kNullPage, 0, 0);
        state->null_page_started = true;
    }
    append_entry(state->null_page.data, layout, nullptr, tid);
    state->nulls += 1;
}

static void add_table_row(Relation index, ItemPointer tid, Datum *values, bool *is_null,
                          bool /* tuple_is_alive */, void *state_pointer) {
    auto state = static_cast<BuildState *>(state_pointer);
    Entry entry;
    make_entry(index, values[0], is_null[0], &entry);
    if (entry.is_null) return add_null(index, state, tid);
    admit_entry(index, &state->meta, entry);
    if (state->hashes == nullptr) {
        // The scan calls this in a context that it resets after each row.
        MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(state));
        state->hashes = make_row_store(state->meta.words(), maintenance_work_mem * INT64CONST(1024) / 2);
        MemoryContextSwitchTo(old);
    }
    ItemPointerData stored = stored_tid(entry, tid);
    add_row(state->hashes, entry.code, &stored);
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

    auto state = static_cast<BuildState *>(palloc0(sizeof(BuildState)));
    make_meta(declared_bits(index), &state->meta);

    UnlockReleaseBuffer(pg::extend_relation(index));  // the meta page
    pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, kPhaseScan);
    double heap_rows = table_index_build_scan(heap, index, info, true, true, add_table_row, state, nullptr);
    if (state->null_page_started) write_null_page(index, state);
    auto result = static_cast<IndexBuildResult *>(palloc(sizeof(IndexBuildResult)));
    result->heap_tuples = heap_rows;
    result->index_tuples = state->nulls;
    if (state->hashes != nullptr) {
        result->index_tuples += static_cast<double>(state->hashes->count);
        state->meta.tiers[0] = build_tier({index, static_cast<int>(state->meta.bits), wants_clustering(index),
                                           &state->meta.next_serial, true},
                                          state->hashes);
        state->meta.tiers_count = 1;
        free_row_store(state->hashes);
    }
    write_meta(index, state->meta);
    if (RelationNeedsWAL(index))
        log_newpage_range(index, MAIN_FORKNUM, 0, RelationGetNumberOfBlocks(index), true);
    pfree(state);
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
