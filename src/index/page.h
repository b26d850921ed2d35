// Pages of a `hamming` index: layout, and access with checks. See README.md for a drawing.
//
// A page that is read from disk goes through read_page() or read_meta(), which report corruption as an ERROR
// with the block number. Nothing here takes decisions about what to store where: that is build.cpp,
// insert.cpp and vacuum.cpp.
#pragma once

#include "hamming/distance.h"
#include "hamming/kernels.h"
#include "pg/imagehash.h"

extern "C" {
#include "access/generic_xlog.h"
}

namespace imagehash::index {

constexpr BlockNumber kMetaBlock = 0;
constexpr BlockNumber kFirstDataBlock = 1;
constexpr uint32 kMagic = 0x48414D49;
constexpr uint32 kVersion = 1;
constexpr int kMaxWords = pg::kMaxBits / 64;

enum PageKind : uint16 {
    kMetaPage = 1,
    kCodePage = 2,  // codes and TIDs
    kNullPage = 3,  // TIDs of rows whose hash is null: a code page of 0 words
};

// At the end of every page, where tools look to tell whose page it is.
struct PageTrailer {
    uint16 kind;
    uint16 words;  // 64-bit words of a code; 0 on meta and null pages
    uint16 count;  // entries
    uint16 page_id;
};
constexpr uint16 kPageId = 0xFFA7;

// Contents of the meta page.
struct Meta {
    uint32 magic;
    uint32 version;
    uint32 bits;             // length of all hashes; 0 until there is one
    uint32 method;           // the known method among the hashes; 0 while all are unknown
    BlockNumber null_block;  // null page that has room, as far as known

    int words() const { return hamming::words_of_bits(static_cast<int>(bits)); }
};

// Codes start at a cache line: the kernel reads whole blocks of eight.
constexpr int kCodesOffset = 64;

// Where things are on a data page whose codes have `words` words.
struct Layout {
    int words;
    int capacity;     // entries
    int tids_offset;  // bytes from the start of the page

    static Layout of_words(int words) {
        const int room = BLCKSZ - kCodesOffset - static_cast<int>(MAXALIGN(sizeof(PageTrailer)));
        const int block_size =
            hamming::kBlock * static_cast<int>(words * sizeof(uint64) + sizeof(ItemPointerData));
        const int blocks = room / block_size;
        return {words, blocks * hamming::kBlock,
                kCodesOffset + blocks * hamming::kBlock * words * static_cast<int>(sizeof(uint64))};
    }
};

inline PageTrailer *page_trailer(Page page) {
    return reinterpret_cast<PageTrailer *>(page + BLCKSZ - MAXALIGN(sizeof(PageTrailer)));
}
inline Meta *page_meta(Page page) {
    return reinterpret_cast<Meta *>(PageGetContents(page));
}
inline uint64 *page_codes(Page page) {
    return reinterpret_cast<uint64 *>(page + kCodesOffset);
}
inline ItemPointer page_tids(Page page, const Layout &layout) {
    return reinterpret_cast<ItemPointer>(page + layout.tids_offset);
}
inline int page_count(Page page) {
    return page_trailer(page)->count;
}

// Word w of entry i lies at page_codes()[code_offset(i, words) + w * kBlock].
inline int code_offset(int i, int words) {
    return i / hamming::kBlock * hamming::kBlock * words + i % hamming::kBlock;
}

// The code of entry i, word after word.
inline void load_code(Page page, const Layout &layout, int i, uint64 *code) {
    const uint64 *source = page_codes(page) + code_offset(i, layout.words);
    for (int w = 0; w < layout.words; w++) code[w] = source[w * hamming::kBlock];
}

void init_meta_page(Page page, const Meta &meta);
void init_data_page(Page page, PageKind kind, int words);

// The caller has made sure of room.
void append_entry(Page page, const Layout &layout, const uint64 *code, const ItemPointerData *tid);
// Moves an entry down to a free place: to < from.
void move_entry(Page page, const Layout &layout, int from, int to);
void set_count(Page page, const Layout &layout, int count);

// ERROR (index_corrupted) that names the block.
[[noreturn]] void report_corruption(Relation index, BlockNumber block, const char *reason);

// Reads a data page and locks it. ERROR (index_corrupted) unless it is a page of this index in every field. A
// page that was never written (a crash while extending) is all zero, as PostgreSQL has made sure: it has no
// kind and no entries.
Buffer read_page(Relation index, BlockNumber block, int words, int lock_mode,
                 BufferAccessStrategy strategy = nullptr);

// A copy of the meta page. ERROR where it is damaged or of another version.
Meta read_meta(Relation index);

}  // namespace imagehash::index
