// A page of codes is filled in memory and gets its place when it is full; directory and tier root pages
// follow when all codes are written. Each page refers only to pages that were written before it.
#include "index/build/tier_writer.h"

#include "index/store/growing_array.h"

extern "C" {
#include "common/pg_prng.h"
}

namespace imagehash::index {

// A segment of a tight leaf: short, so that its radii are close together.
constexpr int kSegmentSize = 128;
// A segment is not begun at the end of a page for fewer rows than this.
constexpr int kSmallestRest = 24;
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
    return ref;
}

void start_tier(TierWriter *writer) {
    writer->layout = Layout::of_words(writer->words);
    writer->leaf = -1;
    writer->written_centroids = static_cast<uint64 *>(
        palloc_extended(sizeof(uint64) * writer->words * writer->leaves, MCXT_ALLOC_HUGE));
    writer->leaf_rows =
        static_cast<LeafRow *>(palloc_extended(sizeof(LeafRow) * writer->leaves, MCXT_ALLOC_HUGE));
}

// --- codes ----------------------------------------------------------------------------------------

static void end_page(TierWriter *writer) {
    if (!writer->page_started) return;
    set_count(writer->page.data, writer->layout, writer->page_fill);
    PageRef ref = write_page(writer, writer->page.data);
    make_room(&writer->refs, writer->refs_count, &writer->refs_room);
    writer->refs[writer->refs_count++] = ref;
    // The segments of this page were noted before its place was known.
    for (int64 s = writer->segments_count; s-- > 0 && writer->segments[s].page.serial == ref.serial;)
        writer->segments[s].page = ref;
    writer->page_started = false;
}

static void start_page(TierWriter *writer) {
    init_page(writer->page.data, kCodePage, writer->words, new_serial(writer));
    writer->page_started = true;
    writer->page_fill = 0;
}

void begin_leaf(TierWriter *writer, uint32 leaf) {
    uint32 place = writer->written_leaves++;
    memcpy(writer->written_centroids + static_cast<Size>(place) * writer->words,
           writer->centroids + static_cast<Size>(leaf) * writer->words, writer->words * sizeof(uint64));
    writer->leaf_rows[place] = {UINT16_MAX, 0, static_cast<uint32>(writer->segments_count), 0};
    if (leaf < writer->tight_leaves) writer->written_tight_leaves++;
    writer->leaf = static_cast<int>(leaf);
    writer->leaf_left = writer->leaf_counts[leaf];
    writer->segment_room = 0;
}

static void start_segment(TierWriter *writer, uint16 radius) {
    const int capacity = writer->layout.capacity;
    if (!writer->page_started || capacity - writer->page_fill < Min(writer->leaf_left, kSmallestRest)) {
        end_page(writer);
        start_page(writer);
    }
    const int start = writer->page_fill;
    int64 size = static_cast<uint32>(writer->leaf) < writer->tight_leaves ? kSegmentSize : capacity;
    // A short rest goes along with what comes before it.
    if (writer->leaf_left < size + size / 8) size = writer->leaf_left;
    writer->segment_room = static_cast<int>(Min(size, static_cast<int64>(capacity - start)));
    make_room(&writer->segments, writer->segments_count, &writer->segments_room);
    writer->segments[writer->segments_count++] = {
        {InvalidBlockNumber, page_trailer(writer->page.data)->serial},
        static_cast<uint16>(start),
        0,
        radius,
        radius};
}

void write_row(TierWriter *writer, uint32 leaf, uint16 radius, const uint64 *code,
               const ItemPointerData *tid) {
    if (writer->leaf != static_cast<int>(leaf)) begin_leaf(writer, leaf);
    if (writer->segment_room == 0) start_segment(writer, radius);
    int i = writer->page_fill++;
    store_code(page_codes(writer->page.data), writer->words, i, code);
    *page_tid(writer->page.data, i) = *tid;
    Segment *segment = &writer->segments[writer->segments_count - 1];
    segment->count++;
    segment->rmin = Min(segment->rmin, radius);
    segment->rmax = Max(segment->rmax, radius);
    LeafRow *row = &writer->leaf_rows[writer->written_leaves - 1];
    row->entries++;
    row->rmin = Min(row->rmin, radius);
    row->rmax = Max(row->rmax, radius);
    writer->leaf_left--;
    writer->segment_room--;
    writer->entries++;
}

void share_leaves(TierWriter *writer, const TierImage &image, uint32 first, uint32 end) {
    end_page(writer);
    for (uint32 leaf = first; leaf < end; leaf++) {
        begin_leaf(writer, leaf);
        LeafRow *row = &writer->leaf_rows[writer->written_leaves - 1];
        *row = image.leaves[leaf];
        row->first_segment = static_cast<uint32>(writer->segments_count);
        writer->entries += row->entries;
        for (uint32 s = image.leaves[leaf].first_segment; s < end_of_segments(image, leaf); s++) {
            const Segment &segment = image.segments[s];
            make_room(&writer->segments, writer->segments_count, &writer->segments_room);
            writer->segments[writer->segments_count++] = segment;
            if (writer->refs_count > 0 && writer->refs[writer->refs_count - 1].block == segment.page.block)
                continue;
            make_room(&writer->refs, writer->refs_count, &writer->refs_room);
            writer->refs[writer->refs_count++] = segment.page;
        }
    }
}

void finish_codes(TierWriter *writer) {
    end_page(writer);
}

void widen_bounds(TierWriter *writer, uint16 bits) {
    for (uint32 l = 0; l < writer->written_leaves; l++) {
        writer->leaf_rows[l].rmin = 0;
        writer->leaf_rows[l].rmax = bits;
    }
    for (int64 s = 0; s < writer->segments_count; s++) {
        writer->segments[s].rmin = 0;
        writer->segments[s].rmax = bits;
    }
}

// --- directory ------------------------------------------------------------------------------------

static void fill_leaf_page(const TierWriter *writer, char *page, uint32 first, int count) {
    LeafColumns columns = leaf_columns(page, writer->words);
    for (int i = 0; i < count; i++) {
        const LeafRow &row = writer->leaf_rows[first + i];
        store_code(page_codes(page), writer->words, i,
                   writer->written_centroids + static_cast<Size>(first + i) * writer->words);
        columns.rmin[i] = row.entries > 0 ? row.rmin : 0;
        columns.rmax[i] = row.rmax;
        columns.first_segment[i] = row.first_segment;
        columns.entries[i] = row.entries;
    }
    page_trailer(page)->count = static_cast<uint16>(count);
    set_hole(page, kPageEnd, kPageEnd);
}

static void fill_segment_page(const TierWriter *writer, char *page, int64 first, int count) {
    memcpy(page + kCodesOffset, writer->segments + first, count * sizeof(Segment));
    page_trailer(page)->count = static_cast<uint16>(count);
    set_hole(page, kCodesOffset + count * static_cast<int>(sizeof(Segment)), kPageEnd);
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
    PGAlignedBlock page;
    const int per_leaf_page = leaf_capacity(writer->words);
    Root header;
    memset(&header, 0, sizeof header);
    header.statistics = statistics;
    header.centroid_pages = pages_for(writer->written_leaves, per_leaf_page);
    header.segment_pages = pages_for(writer->segments_count, kSegmentsPerPage);
    int64 directory_pages = header.centroid_pages + header.segment_pages;
    int64 count = directory_pages + writer->refs_count;
    auto refs = static_cast<PageRef *>(palloc_extended(sizeof(PageRef) * count, MCXT_ALLOC_HUGE));
    for (uint32 p = 0; p < header.centroid_pages; p++) {
        uint32 first = p * per_leaf_page;
        init_page(page.data, kCentroidPage, writer->words, new_serial(writer));
        fill_leaf_page(writer, page.data, first,
                       Min(per_leaf_page, static_cast<int>(writer->written_leaves - first)));
        refs[p] = write_page(writer, page.data);
    }
    for (uint32 p = 0; p < header.segment_pages; p++) {
        int64 first = static_cast<int64>(p) * kSegmentsPerPage;
        init_page(page.data, kSegmentPage, 0, new_serial(writer));
        fill_segment_page(
            writer, page.data, first,
            static_cast<int>(Min(writer->segments_count - first, static_cast<int64>(kSegmentsPerPage))));
        refs[header.centroid_pages + p] = write_page(writer, page.data);
    }
    memcpy(refs + directory_pages, writer->refs, sizeof(PageRef) * writer->refs_count);

    Tier tier;
    memset(&tier, 0, sizeof tier);
    tier.id = pg_prng_uint64(&pg_global_prng_state);
    tier.root = write_roots(writer, header, refs, count);
    put_back(writer->index, &writer->too_early);
    tier.leaves = writer->written_leaves;
    tier.segments = static_cast<uint32>(writer->segments_count);
    tier.code_pages = static_cast<uint32>(writer->refs_count);
    tier.pages = static_cast<uint32>(count) + pages_for(count, kRefsPerPage);
    tier.entries = writer->entries;
    tier.tight_leaves = writer->written_tight_leaves;
    pfree(refs);
    return tier;
}

}  // namespace imagehash::index
