// imagehash_index_stats(index): what an index holds, counted page by page.
#include "index/inspect.h"
#include "index/page.h"
#include "pg/methods.h"

extern "C" {
#include "access/htup_details.h"
}

namespace imagehash::index {

struct Stats {
    int64 code_pages;
    int64 null_pages;
    int64 empty_pages;
    int64 hashes;
    int64 nulls;
    int64 room;  // hashes that would fit into the code pages there are
};

static void count_page(Page page, Stats *stats) {
    const PageTrailer *trailer = page_trailer(page);
    if (trailer->count == 0) {
        stats->empty_pages++;
    } else if (trailer->kind == kNullPage) {
        stats->null_pages++;
        stats->nulls += trailer->count;
    } else {
        stats->code_pages++;
        stats->hashes += trailer->count;
        stats->room += Layout::of_words(trailer->words).capacity;
    }
}

static Stats count_index(Relation index, const Meta &meta) {
    Stats stats = {};
    BlockNumber blocks = RelationGetNumberOfBlocks(index);
    for (BlockNumber block = kFirstDataBlock; block < blocks; block++) {
        CHECK_FOR_INTERRUPTS();
        Buffer buffer = read_page(index, block, meta.words(), BUFFER_LOCK_SHARE);
        count_page(BufferGetPage(buffer), &stats);
        UnlockReleaseBuffer(buffer);
    }
    return stats;
}

}  // namespace imagehash::index

using namespace imagehash;

IMAGEHASH_FUNCTION(imagehash_index_stats) {
    TupleDesc descriptor = pg::result_row_type(fcinfo);
    index::OpenIndex open = index::open_hamming_index(PG_GETARG_OID(0));
    index::Meta meta = index::read_meta(open.index);
    index::Stats stats = index::count_index(open.index, meta);
    index::close_hamming_index(open);

    char method[pg::kMethodNameSize];
    pg::method_name(meta.method, method);
    Datum values[] = {
        Int32GetDatum(static_cast<int32>(meta.version)),
        Int32GetDatum(static_cast<int32>(meta.bits)),
        CStringGetTextDatum(method),
        Int64GetDatum(stats.hashes),
        Int64GetDatum(stats.nulls),
        Int64GetDatum(stats.code_pages),
        Int64GetDatum(stats.null_pages),
        Int64GetDatum(stats.empty_pages),
        Float8GetDatum(stats.room > 0 ? static_cast<double>(stats.hashes) / static_cast<double>(stats.room)
                                      : 0),
    };
    bool nulls[lengthof(values)] = {};
    nulls[1] = meta.bits == 0;
    nulls[8] = stats.room == 0;
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls)));
}
