// Entries that follow each other are on the same pages mostly: each page is copied once.
#include "index/store/leaf_reader.h"

namespace imagehash::index {

void start_reader(Relation index, const TierDirectory *directory, LeafReader *reader) {
    reader->index = index;
    reader->directory = directory;
    reader->codes.block = reader->tids.block = InvalidBlockNumber;
}

EntryPlace place_of(const TierDirectory &directory, uint32 leaf, uint32 entry) {
    const auto per_page = static_cast<uint32>(groups_per_page(directory.words));
    const uint32 group = directory.first_group[leaf] + entry / hamming::kBlock;
    const uint32 tid = directory.first_tid[leaf] + entry;
    return {directory.code_pages[group / per_page], directory.tid_pages[tid / kTidsPerPage],
            static_cast<int>(group % per_page * hamming::kBlock + entry % hamming::kBlock),
            static_cast<int>(tid % kTidsPerPage)};
}

static void require_entries(Relation index, const PageCopy &copy, int count) {
    const int present = page_count(const_cast<char *>(copy.page.data));
    if (count > present)
        report_corruption(
            index, copy.block,
            psprintf("The page has %d entries, and a leaf refers to entry %d.", present, count - 1));
}

const uint64 *copy_codes(Relation index, PageRef ref, int words, int count, PageCopy *copy) {
    if (copy->block != ref.block) {
        CHECK_FOR_INTERRUPTS();
        const CodePage page = open_code_page(index, ref);
        memcpy(copy->page.data, page.page, BLCKSZ);
        close_code_page(index, ref, words, 0, page);
        copy->block = ref.block;
    }
    require_entries(index, *copy, count);
    return page_codes(copy->page.data);
}

static const ItemPointerData *copy_tid(Relation index, PageRef ref, int place, PageCopy *copy) {
    if (copy->block != ref.block) {
        Buffer buffer = read_ref(index, ref, kTidPage, kAnyWords);
        memcpy(copy->page.data, BufferGetPage(buffer), BLCKSZ);
        UnlockReleaseBuffer(buffer);
        copy->block = ref.block;
    }
    require_entries(index, *copy, place + 1);
    return page_tid(copy->page.data, place);
}

void read_entry(LeafReader *reader, uint32 leaf, uint32 entry, uint64 *code, ItemPointer tid) {
    const int words = reader->directory->words;
    const EntryPlace place = place_of(*reader->directory, leaf, entry);
    load_code(copy_codes(reader->index, place.code_page, words, place.code + 1, &reader->codes), words,
              place.code, code);
    *tid = *copy_tid(reader->index, place.tid_page, place.tid, &reader->tids);
}

}  // namespace imagehash::index
