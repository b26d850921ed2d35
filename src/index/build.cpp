// CREATE INDEX and REINDEX: packs the table's hashes into pages in the order of the scan.
//
// Pages are filled in local memory and put into the buffer pool when full; the whole index is logged once, at
// the end, so a crash before that leaves a file that the transaction's rollback would have removed anyway.
#include "index/access_method.h"
#include "index/entry.h"

extern "C" {
#include "access/tableam.h"
#include "access/xloginsert.h"
#include "catalog/index.h"
}

namespace imagehash::index {

struct PageUnderConstruction {
    PageKind kind;
    bool started;
    PGAlignedBlock block;
};

struct BuildState {
    Meta meta;
    double rows;
    PageUnderConstruction codes;
    PageUnderConstruction nulls;
};

static Meta empty_meta(Relation index) {
    // A column imagehash(n) fixes the length; else the first row does.
    int32 typmod = TupleDescAttr(RelationGetDescr(index), 0)->atttypmod;
    return {kMagic, kVersion, typmod > 0 ? static_cast<uint32>(typmod) : 0, pg::kMethodUnknown,
            InvalidBlockNumber};
}

static void write_page(Relation index, PageUnderConstruction *page) {
    Buffer buffer = pg::extend_relation(index);
    memcpy(BufferGetPage(buffer), page->block.data, BLCKSZ);
    MarkBufferDirty(buffer);
    UnlockReleaseBuffer(buffer);
    page->started = false;
}

static void add_to_page(Relation index, PageUnderConstruction *page, int words, const uint64 *code,
                        ItemPointer tid) {
    Layout layout = Layout::of_words(words);
    if (page->started && page_count(page->block.data) == layout.capacity) write_page(index, page);
    if (!page->started) {
        init_data_page(page->block.data, page->kind, words);
        page->started = true;
    }
    append_entry(page->block.data, layout, code, tid);
}

static void add_row(Relation index, ItemPointer tid, Datum *values, bool *is_null, bool /* tuple_is_alive */,
                    void *state_pointer) {
    auto state = static_cast<BuildState *>(state_pointer);
    Entry entry;
    make_entry(values[0], is_null[0], &entry);
    admit_entry(index, &state->meta, entry);
    if (entry.is_null)
        add_to_page(index, &state->nulls, 0, nullptr, tid);
    else
        add_to_page(index, &state->codes, state->meta.words(), entry.code, tid);
    state->rows += 1;
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
    state->meta = empty_meta(index);
    state->codes.kind = kCodePage;
    state->nulls.kind = kNullPage;

    UnlockReleaseBuffer(pg::extend_relation(index));  // the meta page
    double heap_rows = table_index_build_scan(heap, index, info, true, true, add_row, state, nullptr);
    if (state->codes.started) write_page(index, &state->codes);
    if (state->nulls.started) {
        write_page(index, &state->nulls);
        state->meta.null_block = RelationGetNumberOfBlocks(index) - 1;
    }
    write_meta(index, state->meta);
    if (RelationNeedsWAL(index))
        log_newpage_range(index, MAIN_FORKNUM, 0, RelationGetNumberOfBlocks(index), true);

    auto result = static_cast<IndexBuildResult *>(palloc(sizeof(IndexBuildResult)));
    result->heap_tuples = heap_rows;
    result->index_tuples = state->rows;
    pfree(state);
    return result;
}

// The init fork of an unlogged index: a copy of it replaces the index after a crash.
void hamming_buildempty(Relation index) {
    Buffer buffer = pg::extend_init_fork(index);
    START_CRIT_SECTION();
    init_meta_page(BufferGetPage(buffer), empty_meta(index));
    MarkBufferDirty(buffer);
    log_newpage_buffer(buffer, true);
    END_CRIT_SECTION();
    UnlockReleaseBuffer(buffer);
}

}  // namespace imagehash::index
