// A page of codes, and one of TIDs, are filled in memory and get their places when they are full; directory
// and tier root pages follow when all rows are written. Each page refers only to pages that were written
// before it.
#include "index/build/tier_writer.h"

#include "index/store/growing_array.h"
#include "index/store/test_point.h"

extern "C" {
#include "common/pg_prng.h"
}

namespace imagehash::index {

// A leaf is not begun at the end of a page for fewer groups than this.
constexpr int kSmallestRest = 3;
// After so many code pages a leaf begins new pages, of codes and of TIDs, so that a merge can rewrite the
// leaves from there on and share those before.
constexpr int64 kPagesBetweenCuts = 32;
constexpr uint32 kSerialsAtOnce = 1024;

static uint32 new_serial(TierWriter *writer) {
    if (writer->next_serial != nullptr) return next_serial(writer->next_serial);
    if (writer->serials_left == 0) {
        writer->serial = take_serials(writer->index, kSerialsAtOnce);
        writer->serials_left = kSerialsAtOnce;
    }
    writer->serials_left--;
    return next_serial(&writer->serial);
}

// Puts the image, which has its serial, to a place of its own.
static PageRef write_page(TierWriter *writer, const char *image) {
    Buffer buffer = writer->logged ? allocate_one_of_many(writer->index, &writer->too_early)
                                   : pg::extend_relation(writer->index);
    PageRef ref = {BufferGetBlockNumber(buffer), page_trailer(const_cast<char *>(image))->serial};
    if (writer->logged) {
        GenericXLogState *xlog = GenericXLogStart(writer->index);
        memcpy(GenericXLogRegisterBuffer(xlog, buffer, GENERIC_XLOG_FULL_IMAGE), image, BLCKSZ);
        GenericXLogFinish(xlog);
    } else {
        memcpy(BufferGetPage(buffer), image, BLCKSZ);
        MarkBufferDirty(buffer);
    }
    UnlockReleaseBuffer(buffer);
    TEST_POINT("tier-page-written");
    return ref;
}

void start_tier(TierWriter *writer) {
    writer->leaf = -1;
    writer->written_centroids = static_cast<uint64 *>(
        palloc_extended(sizeof(uint64) * writer->words * writer->leaves, MCXT_ALLOC_HUGE));
    writer->leaf_rows =
        static_cast<LeafRow *>(palloc_extended(sizeof(LeafRow) * writer->leaves, MCXT_ALLOC_HUGE));
}

// --- rows -----------------------------------------------------------------------------------------

static void add_ref(PageRefs *list, PageRef ref) {
    make_room(&list->refs, list->count, &list->room);
    list->refs[list->count++] = ref;
}

static void end_code_page(TierWriter *writer) {
    if (!writer->codes_started) return;
    set_groups(writer->codes.data, writer->words, static_cast<int>(groups_for(writer->codes_fill)));
    add_ref(&writer->code_pages, write_page(writer, writer->codes.data));
    writer->codes_started = false;
}

static void end_tid_page(TierWriter *writer) {
    if (!writer->tids_started) return;
    set_count(writer->tids.data, Layout::of_words(0), writer->tids_fill);
    add_ref(&writer->tid_pages, write_page(writer, writer->tids.data));
    writer->tids_started = false;
}

// Room for another code. Groups are of one leaf.
static void need_code_page(TierWriter *writer) {
    if (writer->codes_started && writer->codes_fill < groups_per_page(writer->words) * hamming::kBlock)
        return;
    end_code_page(writer);
    init_page(writer->codes.data, kCodePage, writer->words, new_serial(writer));
    writer->codes_started = true;
    writer->codes_fill = 0;
}

static void need_tid_page(TierWriter *writer) {
    if (writer->tids_started && writer->tids_fill < kTidsPerPage) return;
    end_tid_page(writer);
    init_page(writer->tids.data, kTidPage, 0, new_serial(writer));
    writer->tids_started = true;
    writer->tids_fill = 0;
}

void begin_leaf(TierWriter *writer, uint32 leaf) {
    uint32 place = writer->written_leaves++;
    memcpy(writer->written_centroids + static_cast<Size>(place) * writer->words,
           writer->centroids + static_cast<Size>(leaf) * writer->words, writer->words * sizeof(uint64));
    writer->leaf_rows[place] = {UINT16_MAX, 0, 0, 0, 0};
    if (leaf < writer->tight_leaves) writer->written_tight_leaves++;
    writer->leaf = static_cast<int>(leaf);
    writer->leaf_left = writer->leaf_counts[leaf];
}

// The place of a leaf's first row.
static void place_leaf(TierWriter *writer, LeafRow *row) {
    if (writer->code_pages.count >= writer->cut_at + kPagesBetweenCuts) {
        finish_codes(writer);
        writer->cut_at = writer->code_pages.count;
    }
    writer->codes_fill = static_cast<int>(TYPEALIGN(hamming::kBlock, writer->codes_fill));
    const int groups_left = groups_per_page(writer->words) - writer->codes_fill / hamming::kBlock;
    if (groups_left < Min(static_cast<int64>(groups_for(writer->leaf_left)), kSmallestRest))
        end_code_page(writer);
    need_code_page(writer);
    need_tid_page(writer);
    row->first_group = static_cast<uint32>(writer->code_pages.count * groups_per_page(writer->words) +
                                           writer->codes_fill / hamming::kBlock);
    row->first_tid = static_cast<uint32>(writer->tid_pages.count * kTidsPerPage + writer->tids_fill);
}

void write_row(TierWriter *writer, uint32 leaf, uint16 radius, const uint64 *code,
               const ItemPointerData *tid) {
    if (writer->leaf != static_cast<int>(leaf)) begin_leaf(writer, leaf);
    LeafRow *row = &writer->leaf_rows[writer->written_leaves - 1];
    if (row->entries == 0) place_leaf(writer, row);
    need_code_page(writer);
    need_tid_page(writer);
    if (row->entries % hamming::kBlock == 0) {
        make_room(&writer->radii, writer->radii_count, &writer->radii_room);
        writer->radii[writer->radii_count++] = static_cast<int16>(radius);
    }
    store_code(page_codes(writer->codes.data), writer->words, writer->codes_fill++, code);
    *page_tid(writer->tids.data, writer->tids_fill++) = *tid;
    row->entries++;
    row->rmin = Min(row->rmin, radius);
    row->rmax = Max(row->rmax, radius);
    writer->leaf_left--;
    writer->entries++;
}

// The number that a page of the other tier has in this one, to which it is added unless it was the last.
static uint32 share_page(PageRefs *list, PageRef ref) {
    if (list->count == 0 || list->refs[list->count - 1].block != ref.block) add_ref(list, ref);
    return static_cast<uint32>(list->count - 1);
}

// Where the first of a leaf's pages is in this tier, and all of them are.
static uint32 share_pages(PageRefs *list, const PageRef *refs, PageRange range) {
    const uint32 first = share_page(list, refs[range.first]);
    for (uint32 page = range.first + 1; page < range.end; page++) share_page(list, refs[page]);
    return first;
}

static void share_rows(TierWriter *writer, const TierDirectory &source, uint32 leaf, LeafRow *row) {
    const auto per_page = static_cast<uint32>(groups_per_page(source.words));
    const uint32 codes = share_pages(&writer->code_pages, source.code_pages, code_pages_of(source, leaf));
    const uint32 tids = share_pages(&writer->tid_pages, source.tid_pages, tid_pages_of(source, leaf));
    row->first_group = codes * per_page + source.first_group[leaf] % per_page;
    row->first_tid = tids * kTidsPerPage + source.first_tid[leaf] % kTidsPerPage;
    for (uint32 g = source.first_radius[leaf]; g < source.first_radius[leaf + 1]; g++) {
        make_room(&writer->radii, writer->radii_count, &writer->radii_room);
        writer->radii[writer->radii_count++] =
            source.radii != nullptr ? source.radii[g] : static_cast<int16>(0);
    }
}

void share_leaves(TierWriter *writer, const TierImage &image, uint32 first, uint32 end) {
    const TierDirectory &source = *image.directory;
    finish_codes(writer);
    for (uint32 leaf = first; leaf < end; leaf++) {
        begin_leaf(writer, leaf);
        LeafRow *row = &writer->leaf_rows[writer->written_leaves - 1];
        row->rmin = static_cast<uint16>(source.rmin[leaf]);
        row->rmax = static_cast<uint16>(source.rmax[leaf]);
        row->entries = source.entries[leaf];
        writer->entries += row->entries;
        if (row->entries > 0) share_rows(writer, source, leaf, row);
    }
    writer->cut_at = writer->code_pages.count;
}

void finish_codes(TierWriter *writer) {
    end_code_page(writer);
    end_tid_page(writer);
}

void widen_bounds(TierWriter *writer, uint16 bits) {
    for (uint32 l = 0; l < writer->written_leaves; l++) {
        writer->leaf_rows[l].rmin = 0;
        writer->leaf_rows[l].rmax = bits;
    }
    writer->without_order = true;
}

// --- directory ------------------------------------------------------------------------------------

static void fill_leaf_page(const TierWriter *writer, char *page, uint32 first, int count) {
    LeafColumns columns = leaf_columns(page, writer->words);
    for (int i = 0; i < count; i++) {
        const LeafRow &row = writer->leaf_rows[first + i];
        store_code(page_codes(page), writer->words, i,
                   writer->written_centroids + static_cast<Size>(first + i) * writer->words);
        columns.entries[i] = row.entries;
        columns.first_group[i] = row.first_group;
        columns.first_tid[i] = row.first_tid;
        columns.rmin[i] = row.entries > 0 ? row.rmin : 0;
        columns.rmax[i] = row.rmax;
    }
    page_trailer(page)->count = static_cast<uint16>(count);
    set_hole(page, kPageEnd, kPageEnd);
}

static PageRef write_leaf_page(TierWriter *writer, uint32 number) {
    const int per_page = leaf_capacity(writer->words);
    const uint32 first = number * per_page;
    PGAlignedBlock page;
    init_page(page.data, kCentroidPage, writer->words, new_serial(writer));
    fill_leaf_page(writer, page.data, first, Min(per_page, static_cast<int>(writer->written_leaves - first)));
    return write_page(writer, page.data);
}

static PageRef write_radius_page(TierWriter *writer, uint32 number) {
    const int64 first = static_cast<int64>(number) * kRadiiPerPage;
    const int count = static_cast<int>(Min(writer->radii_count - first, static_cast<int64>(kRadiiPerPage)));
    const Size size = count * sizeof(int16);
    PGAlignedBlock page;
    init_page(page.data, kRadiusPage, 0, new_serial(writer));
    memcpy(page.data + kCodesOffset, writer->radii + first, size);
    page_trailer(page.data)->count = static_cast<uint16>(count);
    set_hole(page.data, kCodesOffset + static_cast<int>(size), kPageEnd);
    return write_page(writer, page.data);
}

// Writes the references, the last tier root page first, since each names the next.
static PageRef write_roots(TierWriter *writer, const Root &header, const PageRef *refs, int64 count) {
    PGAlignedBlock page;
    PageRef next = {0, 0};
    for (int64 first = (count - 1) / kRefsPerPage * kRefsPerPage; first >= 0; first -= kRefsPerPage) {
        int here = static_cast<int>(Min(count - first, static_cast<int64>(kRefsPerPage)));
        init_page(page.data, kTierRootPage, 0, new_serial(writer));
        *page_root(page.data) = header;
        page_root(page.data)->next = next;
        memcpy(root_refs(page.data), refs + first, here * sizeof(PageRef));
        page_trailer(page.data)->count = static_cast<uint16>(here);
        set_hole(page.data,
                 static_cast<int>(reinterpret_cast<char *>(root_refs(page.data) + here) - page.data),
                 kPageEnd);
        next = write_page(writer, page.data);
    }
    return next;
}

Tier finish_tier(TierWriter *writer, const TierStatistics &statistics) {
    Root header;
    memset(&header, 0, sizeof header);
    header.statistics = statistics;
    header.centroid_pages = pages_for(writer->written_leaves, leaf_capacity(writer->words));
    header.radius_pages = writer->without_order ? 0 : pages_for(writer->radii_count, kRadiiPerPage);
    PageRefs pages = {};
    for (uint32 p = 0; p < header.centroid_pages; p++) add_ref(&pages, write_leaf_page(writer, p));
    for (uint32 p = 0; p < header.radius_pages; p++) add_ref(&pages, write_radius_page(writer, p));
    for (int64 p = 0; p < writer->code_pages.count; p++) add_ref(&pages, writer->code_pages.refs[p]);
    for (int64 p = 0; p < writer->tid_pages.count; p++) add_ref(&pages, writer->tid_pages.refs[p]);

    Tier tier;
    memset(&tier, 0, sizeof tier);
    tier.id = pg_prng_uint64(&pg_global_prng_state);
    tier.root = write_roots(writer, header, pages.refs, pages.count);
    put_back(writer->index, &writer->too_early);
    tier.leaves = writer->written_leaves;
    tier.groups = static_cast<uint32>(writer->radii_count);
    tier.code_pages = static_cast<uint32>(writer->code_pages.count);
    tier.tid_pages = static_cast<uint32>(writer->tid_pages.count);
    tier.pages = static_cast<uint32>(pages.count) + pages_for(pages.count, kRefsPerPage);
    tier.entries = writer->entries;
    tier.tight_leaves = writer->written_tight_leaves;
    pfree(pages.refs);
    return tier;
}

}  // namespace imagehash::index
