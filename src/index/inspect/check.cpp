// imagehash_index_check(index, heapallindexed): is the index whole, and does it have every row of its table?
//
// In the manner of contrib/amcheck: an ERROR names the first thing that is wrong; no answer is the good one.
// It takes no lock that stops anybody from writing, and works on a standby.
#include "index/inspect/open_index.h"
#include "index/store/entry.h"
#include "index/store/leaf_reader.h"
#include "pg/server/as_owner.h"

extern "C" {
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "lib/bloomfilter.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
}

namespace imagehash::index {

namespace {

// An entry as the filter knows it; compared as bytes.
struct Fingerprint {
    ItemPointerData tid;
    uint16 is_null;
    uint64 code[kMaxWords];
};

struct CheckState {
    Relation heap;
    Relation index;
    Meta meta;
    BlockNumber heap_blocks;
    bloom_filter *filter;  // of all entries; null where rows are not looked for
    double rows;           // of the table, found in the index
};

}  // namespace

static Fingerprint fingerprint_of(const ItemPointerData *tid, bool is_null, const uint64 *code, int words) {
    Fingerprint fingerprint;
    memset(&fingerprint, 0, sizeof fingerprint);  // words that are not used are compared too
    fingerprint.tid = *tid;
    fingerprint.is_null = is_null;
    memcpy(fingerprint.code, code, words * sizeof(uint64));
    return fingerprint;
}

// Bits past the length of a code are zero: distances count them.
static bool has_stray_bits(const uint64 *code, int bits) {
    auto bytes = reinterpret_cast<const unsigned char *>(code);
    for (int i = bits; i < hamming::words_of_bits(bits) * 64; i++)
        if (bytes[i / 8] & (0x80 >> i % 8)) return true;
    return false;
}

static void check_entry(CheckState *state, BlockNumber block, int i, const ItemPointerData *tid,
                        const uint64 *code, int words) {
    ItemPointerData row = row_tid(tid);
    BlockNumber heap_block = ItemPointerGetBlockNumberNoCheck(&row);
    const OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(&row);
    const bool is_heap = state->heap->rd_tableam == GetHeapamTableAmRoutine();
    if (is_heap && (offset < FirstOffsetNumber || offset > MaxHeapTuplesPerPage))
        report_corruption(state->index, block,
                          psprintf("Entry %d points to (%u,%u), which no table has.", i, heap_block, offset));
    // A row was in the table before its entry was in the index; tables grow.
    if (heap_block >= state->heap_blocks) state->heap_blocks = RelationGetNumberOfBlocks(state->heap);
    if (heap_block >= state->heap_blocks)
        report_corruption(state->index, block,
                          psprintf("Entry %d points to (%u,%u), and the table has %u blocks.", i, heap_block,
                                   offset, state->heap_blocks));
    if (words > 0 && has_stray_bits(code, static_cast<int>(state->meta.bits)))
        report_corruption(state->index, block,
                          psprintf("Entry %d has bits past the length of %u.", i, state->meta.bits));
    if (state->filter == nullptr) return;
    Fingerprint fingerprint = fingerprint_of(tid, words == 0, code, words);
    bloom_add_element(state->filter, reinterpret_cast<unsigned char *>(&fingerprint), sizeof fingerprint);
}

// Entries `start` to `stop` of a page that is locked.
static void check_entries(CheckState *state, BlockNumber block, Page page, int start, int stop) {
    const int words = page_trailer(page)->words;
    for (int i = start; i < stop; i++) {
        uint64 code[kMaxWords];
        if (words > 0 && tid_is_removed(page_tid(page, i))) continue;
        load_code(page_codes(page), words, i, code);
        check_entry(state, block, i, page_tid(page, i), code, words);
    }
}

namespace {

struct TierCheck {
    CheckState *state;
    const TierDirectory *directory;
    LeafReader rows;
};

}  // namespace

// That the code is as far from the centroid as its group and leaf say.
static void check_radius(const TierCheck &check, uint32 leaf, uint32 entry, BlockNumber block, int place,
                         const uint64 *code) {
    const TierDirectory &directory = *check.directory;
    if (directory.radii == nullptr) return;  // nothing is said
    const int16 *radii = directory.radii + directory.first_radius[leaf];
    const uint32 group = entry / hamming::kBlock;
    const int least = radii[group];
    const int greatest = rmax_of_group(radii, groups_of_leaf(directory, leaf), group, directory.rmax[leaf]);
    uint64 centroid[kMaxWords];
    load_code(directory.centroids, directory.words, static_cast<int>(leaf), centroid);
    const int d = distance_between(code, centroid, directory.words);
    if (d < least || d > greatest)
        report_corruption(check.state->index, block,
                          psprintf("Code %d is at distance %d from its leaf's centroid, not %d to %d.", place,
                                   d, least, greatest));
}

static void check_leaf(TierCheck *check, uint32 leaf) {
    CheckState *state = check->state;
    for (uint32 entry = 0; entry < check->directory->entries[leaf]; entry++) {
        uint64 code[kMaxWords];
        ItemPointerData tid;
        read_entry(&check->rows, leaf, entry, code, &tid);
        if (tid_is_removed(&tid)) continue;
        const EntryPlace place = place_of(*check->directory, leaf, entry);
        check_entry(state, place.tid_page.block, place.tid, &tid, code, check->directory->words);
        check_radius(*check, leaf, entry, place.code_page.block, place.code, code);
    }
}

static void check_tier(CheckState *state, const TierDirectory *directory) {
    auto check = static_cast<TierCheck *>(palloc(sizeof(TierCheck)));
    check->state = state;
    check->directory = directory;
    start_reader(state->index, directory, &check->rows);
    for (uint32 leaf = 0; leaf < directory->leaves; leaf++) check_leaf(check, leaf);
    pfree(check);
}

static void count_ref(PageRef /* ref */, PageKind /* kind */, void *count) {
    ++*static_cast<int64 *>(count);
}

static void check_tiers(CheckState *state) {
    for (uint32 t = 0; t < state->meta.tiers_count; t++) {
        int64 pages = 0;
        visit_tier_pages(state->index, state->meta.tiers[t], count_ref, &pages);
        if (pages != state->meta.tiers[t].pages)
            report_corruption(state->index, state->meta.tiers[t].root.block,
                              psprintf("A tier of %u pages refers to " INT64_FORMAT ".",
                                       state->meta.tiers[t].pages, pages));
    }
    // From the pages, not from memory.
    for (uint32 t = 0; t < state->meta.tiers_count; t++)
        check_tier(state, load_tier(state->index, state->meta.tiers[t], state->meta.words(),
                                    static_cast<int>(state->meta.bits)));
}

// What the meta page says is read like a scan reads it, and all other pages are looked at too.
static void check_pages(CheckState *state) {
    const int words = state->meta.words();
    for (uint32 p = 0; p < state->meta.pending_count; p++) {
        Buffer buffer = read_ref(state->index, state->meta.pending[p], kPendingPage, words);
        Page page = BufferGetPage(buffer);
        check_entries(state, state->meta.pending[p].block, page, 0, page_count(page));
        UnlockReleaseBuffer(buffer);
    }
    check_tiers(state);
    BlockNumber blocks = RelationGetNumberOfBlocks(state->index);
    for (BlockNumber block = kFirstBlock; block < blocks; block++) {
        CHECK_FOR_INTERRUPTS();
        Buffer buffer = read_page(state->index, block, words, BUFFER_LOCK_SHARE);
        Page page = BufferGetPage(buffer);
        if (!PageIsNew(page) && page_trailer(page)->kind == kNullPage)
            check_entries(state, block, page, 0, page_count(page));
        UnlockReleaseBuffer(buffer);
    }
}

static void find_row(Relation index, ItemPointer tid, Datum *values, bool *is_null, bool /* tuple_is_alive */,
                     void *state_pointer) {
    auto state = static_cast<CheckState *>(state_pointer);
    Entry entry;
    make_entry(index, values[0], is_null[0], &entry);
    int words = entry.is_null ? 0 : hamming::words_of_bits(entry.bits);
    ItemPointerData stored = stored_tid(entry, tid);
    Fingerprint fingerprint = fingerprint_of(&stored, entry.is_null, entry.code, words);
    if (bloom_lacks_element(state->filter, reinterpret_cast<unsigned char *>(&fingerprint),
                            sizeof fingerprint))
        ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                        errmsg("row (%u,%u) of table \"%s\" is missing from index \"%s\"",
                               ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid),
                               get_rel_name(index->rd_index->indrelid), RelationGetRelationName(index)),
                        errhint("REINDEX the index.")));
    state->rows += 1;
}

// Rows that the snapshot sees were in the index before it was read.
static void check_rows(CheckState *state, Relation heap, Snapshot snapshot) {
    IndexInfo *info = BuildIndexInfo(state->index);
    info->ii_Concurrent = true;  // only what the snapshot sees, not what others are writing
    info->ii_Unique = false;
    info->ii_ExclusionOps = nullptr;
    info->ii_ExclusionProcs = nullptr;
    info->ii_ExclusionStrats = nullptr;
    TableScanDesc scan = table_beginscan_strat(heap, snapshot, 0, nullptr, true, true);
    table_index_build_scan(heap, state->index, info, true, false, find_row, state, scan);
}

static Snapshot snapshot_for(Relation index) {
    Snapshot snapshot = RegisterSnapshot(GetTransactionSnapshot());
    // An index that was built later than this transaction's snapshot may lack rows that the snapshot sees.
    if (IsolationUsesXactSnapshot() && index->rd_index->indcheckxmin &&
        !TransactionIdPrecedes(HeapTupleHeaderGetXmin(index->rd_indextuple->t_data), snapshot->xmin))
        ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                        errmsg("index \"%s\" cannot be verified using transaction snapshot",
                               RelationGetRelationName(index))));
    return snapshot;
}

static void check_index(const OpenIndex &open, bool heap_all_indexed) {
    CheckState state;
    memset(&state, 0, sizeof state);
    state.heap = open.heap;
    state.index = open.index;
    Snapshot snapshot = nullptr;
    if (heap_all_indexed) {
        snapshot = snapshot_for(open.index);
        int64 entries =
            static_cast<int64>(RelationGetNumberOfBlocks(open.index)) * Layout::of_words(1).capacity;
        state.filter = bloom_create(entries, maintenance_work_mem, 0);
    }
    read_meta(open.index, &state.meta);
    check_pages(&state);
    if (heap_all_indexed) {
        check_rows(&state, open.heap, snapshot);
        ereport(DEBUG1,
                (errmsg_internal("found %.0f rows of table \"%s\" in index \"%s\"", state.rows,
                                 RelationGetRelationName(open.heap), RelationGetRelationName(open.index))));
        UnregisterSnapshot(snapshot);
        bloom_free(state.filter);
    }
}

// The index's expressions and predicate are code of the table's owner: they run with the owner's rights, not
// with those of the one who checks, and with a safe search_path, as for every maintenance command since
// PostgreSQL 17.
static void check_as_owner(const OpenIndex &open, bool heap_all_indexed) {
    pg::run_as(open.heap->rd_rel->relowner, [&] { check_index(open, heap_all_indexed); });
}

}  // namespace imagehash::index

IMAGEHASH_FUNCTION(imagehash_index_check) {
    using namespace imagehash::index;
    OpenIndex open = open_hamming_index(PG_GETARG_OID(0));
    check_as_owner(open, PG_GETARG_BOOL(1));
    close_hamming_index(open);
    PG_RETURN_VOID();
}
