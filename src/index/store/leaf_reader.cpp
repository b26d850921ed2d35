// Entries that follow each other are on the same pages mostly: each page is copied once.
#include "index/store/leaf_reader.h"

namespace imagehash::index {

void start_reader(Relation index, const TierDirectory *directory, LeafReader *reader) {
    reader->index = index;
    reader->directory = directory;
    reader->code_block = reader->tid_block = InvalidBlockNumber;
}

EntryPlace place_of(const TierDirectory &directory, uint32 leaf, uint32 entry) {
    const auto per_page = static_cast<uint32>(directory.groups_per_page);
    const uint32 group = directory.first_group[leaf] + entry / hamming::kBlock;
    const uint32 tid = directory.first_tid[leaf] + entry;
    return {directory.code_pages[group / per_page], directory.tid_pages[tid / kTidsPerPage],
            static_cast<int>(group % per_page * hamming::kBlock + entry % hamming::kBlock),
            static_cast<int>(tid % kTidsPerPage)};
}

static void copy_code_page(LeafReader *reader, PageRef ref) {
    if (reader->code_block == ref.block) return;
    CHECK_FOR_INTERRUPTS();
    const CodePage page = open_code_page(reader->index, ref);
    memcpy(reader->codes.data, page.page, BLCKSZ);
    close_code_page(reader->index, ref, reader->directory->words, 0, page);
    reader->code_block = ref.block;
}

static void copy_tid_page(LeafReader *reader, PageRef ref) {
    if (reader->tid_block == ref.block) return;
    Buffer buffer = read_ref(reader->index, ref, kTidPage, kAnyWords);
    memcpy(reader->tids.data, BufferGetPage(buffer), BLCKSZ);
    UnlockReleaseBuffer(buffer);
    reader->tid_block = ref.block;
}

static void require_entry(const LeafReader &reader, PageRef ref, const char *page, int entry) {
    const int count = page_count(const_cast<char *>(page));
    if (entry >= count)
        report_corruption(reader.index, ref.block,
                          psprintf("The page has %d entries, and a leaf refers to entry %d.", count, entry));
}

void read_entry(LeafReader *reader, uint32 leaf, uint32 entry, uint64 *code, ItemPointer tid) {
    const EntryPlace place = place_of(*reader->directory, leaf, entry);
    copy_code_page(reader, place.code_page);
    copy_tid_page(reader, place.tid_page);
    require_entry(*reader, place.code_page, reader->codes.data, place.code);
    require_entry(*reader, place.tid_page, reader->tids.data, place.tid);
    load_code(page_codes(reader->codes.data), reader->directory->words, place.code, code);
    *tid = *page_tid(reader->tids.data, place.tid);
}

}  // namespace imagehash::index
