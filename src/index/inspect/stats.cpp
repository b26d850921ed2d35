// imagehash_index_stats(index): what an index holds.
#include "index/inspect/open_index.h"
#include "index/store/directory.h"
#include "pg/value/methods.h"

extern "C" {
#include "access/htup_details.h"
}

namespace imagehash::index {

namespace {

struct Stats {
    int64 pages[kTidPage + 1];  // in use, by kind
    int64 retired_pages;
    int64 empty_pages;
    int64 hashes;
    int64 nulls;
    int64 dead;
    int64 pending;
    int64 room;  // hashes that would fit into the pages of hashes
};

}  // namespace

static void count_entries(Page page, Stats *stats) {
    const PageTrailer *trailer = page_trailer(page);
    int alive = 0;
    for (int i = 0; i < trailer->count; i++) alive += tid_is_valid(page_tid(page, i));
    stats->hashes += alive;
    stats->dead += trailer->count - alive;
    if (trailer->kind == kPendingPage) stats->pending += alive;
}

static int room_for_hashes(const PageTrailer *trailer) {
    if (trailer->kind == kPendingPage) return Layout::of_words(trailer->words).capacity;
    return trailer->kind == kCodePage ? groups_per_page(trailer->words) * hamming::kBlock : 0;
}

static void count_page(Page page, Stats *stats) {
    if (PageIsNew(page)) {
        stats->empty_pages++;
        return;
    }
    const PageTrailer *trailer = page_trailer(page);
    if (trailer->retired != 0) {
        stats->retired_pages++;
        return;
    }
    stats->pages[trailer->kind]++;
    if (trailer->kind == kNullPage) stats->nulls += trailer->count;
    stats->room += room_for_hashes(trailer);
    if (trailer->kind == kPendingPage || trailer->kind == kTidPage) count_entries(page, stats);
}

static Stats count_index(Relation index, const Meta &meta) {
    Stats stats = {};
    BlockNumber blocks = RelationGetNumberOfBlocks(index);
    for (BlockNumber block = kFirstBlock; block < blocks; block++) {
        CHECK_FOR_INTERRUPTS();
        Buffer buffer = read_page(index, block, meta.words(), BUFFER_LOCK_SHARE);
        count_page(BufferGetPage(buffer), &stats);
        UnlockReleaseBuffer(buffer);
    }
    return stats;
}

namespace {

struct Directories {
    int64 leaves;
    double entries;
    double codes_at_ten;  // that a search for the ten nearest reads, on average
};

}  // namespace

static Directories describe_tiers(Relation index, const Meta &meta) {
    Directories sum = {};
    for (uint32 t = 0; t < meta.tiers_count; t++) {
        const Tier &tier = meta.tiers[t];
        sum.leaves += tier.leaves;
        sum.entries += static_cast<double>(tier.entries);
        sum.codes_at_ten += read_statistics(index, tier).codes_at_rank[1] * static_cast<double>(tier.entries);
    }
    return sum;
}

}  // namespace imagehash::index

using namespace imagehash;

IMAGEHASH_FUNCTION(imagehash_index_stats) {
    TupleDesc descriptor = pg::result_row_type(fcinfo);
    index::OpenIndex open = index::open_hamming_index(PG_GETARG_OID(0));
    index::Meta meta;
    index::read_meta(open.index, &meta);
    index::Directories tiers = index::describe_tiers(open.index, meta);
    index::Stats stats = index::count_index(open.index, meta);
    index::close_hamming_index(open);

    char method[pg::kMethodNameSize];
    pg::method_name(meta.method, method);
    const int64 *pages = stats.pages;
    Datum values[] = {
        Int32GetDatum(static_cast<int32>(meta.version)),
        Int32GetDatum(static_cast<int32>(meta.bits)),
        CStringGetTextDatum(method),
        Int64GetDatum(stats.hashes),
        Int64GetDatum(stats.nulls),
        Int64GetDatum(stats.dead),
        Int64GetDatum(stats.pending),
        Int32GetDatum(static_cast<int32>(meta.tiers_count)),
        Int64GetDatum(tiers.leaves),
        Int64GetDatum(pages[index::kCodePage] + pages[index::kPendingPage]),
        Int64GetDatum(pages[index::kTidPage]),
        Int64GetDatum(pages[index::kNullPage]),
        Int64GetDatum(pages[index::kCentroidPage] + pages[index::kRadiusPage] + pages[index::kTierRootPage]),
        Int64GetDatum(stats.retired_pages),
        Int64GetDatum(stats.empty_pages),
        Float8GetDatum(stats.room > 0 ? static_cast<double>(stats.hashes) / static_cast<double>(stats.room)
                                      : 0),
        Float8GetDatum(tiers.entries > 0 ? tiers.codes_at_ten / tiers.entries : 0),
    };
    bool nulls[lengthof(values)] = {};
    nulls[1] = meta.bits == 0;
    nulls[15] = stats.room == 0;
    nulls[16] = tiers.entries == 0;
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls)));
}
