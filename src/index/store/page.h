// Pages of a `hamming` index: layouts, which README.md draws, and access with checks.
//
// What is read from disk is checked, and damage is reported as an ERROR with the block number: before anybody
// looks at the page's contents, or for code pages before anybody believes them. Nothing here takes decisions
// about what to store where.
#pragma once

#include "hamming/distance.h"
#include "hamming/kernels.h"
#include "pg/value/imagehash.h"

extern "C" {
#include "access/generic_xlog.h"
}

namespace imagehash::index {

constexpr BlockNumber kMetaBlock = 0;
constexpr BlockNumber kFirstBlock = 1;
constexpr int kMaxWords = pg::kMaxBits / 64;

enum PageKind : uint16 {
    kMetaPage = 1,
    kPendingPage = 2,   // codes and TIDs, as they came in
    kNullPage = 3,      // TIDs of rows whose hash is null
    kCodePage = 4,      // codes of a tier, in groups of eight
    kCentroidPage = 5,  // directory of a tier: leaves
    kRadiusPage = 6,    // directory of a tier: the least radius of each group
    kTierRootPage = 7,  // which pages a tier consists of
    kTidPage = 8,       // TIDs of a tier's codes
};

enum PageFlags : uint16 {
    kClosed = 1,  // a pending page that is being merged: no more entries
};

// At the end of every page; the page id comes last, where tools look to tell whose page it is.
struct PageTrailer {
    uint64 retired;  // full transaction id at which the page left the index; 0 while it is part of it
    uint32 serial;   // no two uses of pages have the same; 0 on meta and null pages
    uint16 kind;
    uint16 words;  // 64-bit words of a code; 0 on pages without codes
    uint16 count;  // entries, codes with those that fill up groups, TIDs, leaves, radii or page references
    uint16 flags;
    uint16 unused;
    uint16 page_id;
};
constexpr uint16 kPageId = 0xFFA7;
constexpr int kPageEnd = BLCKSZ - static_cast<int>(MAXALIGN(sizeof(PageTrailer)));

// A page by its place and by what it is expected to be there.
struct PageRef {
    BlockNumber block;
    uint32 serial;
};

// Codes start at a cache line: the kernel reads whole blocks of eight.
constexpr int kCodesOffset = 64;

// How many things of `size` bytes, in blocks of eight, fit on a page.
constexpr int blocks_of_eight(int size) {
    return (kPageEnd - kCodesOffset) / (hamming::kBlock * size);
}

// Pages of entries: codes grow upwards from kCodesOffset, TIDs downwards from the trailer, and between them
// is the hole that PostgreSQL knows. A TID of 6 bytes a code; codes of 0 words on null pages and TID pages.
struct Layout {
    int words;
    int capacity;  // entries

    static Layout of_words(int words);
};

namespace detail {
// Looked up for every page that is read: a division each time would be felt.
struct Capacities {
    int entries[kMaxWords + 1];
    int groups[kMaxWords + 1];
    constexpr Capacities() : entries(), groups() {
        for (int words = 0; words <= kMaxWords; words++) {
            const int code = words * static_cast<int>(sizeof(uint64));
            entries[words] =
                blocks_of_eight(code + static_cast<int>(sizeof(ItemPointerData))) * hamming::kBlock;
            groups[words] = code > 0 ? blocks_of_eight(code) : 0;
        }
    }
};
constexpr Capacities kCapacities;
}  // namespace detail

inline Layout Layout::of_words(int words) {
    return {words, detail::kCapacities.entries[words]};
}

// No page has more entries: those of 0 words.
constexpr int kMaxEntries = blocks_of_eight(sizeof(ItemPointerData)) * hamming::kBlock;
constexpr int kTidsPerPage = kMaxEntries;

// A code page has nothing but codes, in groups: eight codes of one leaf, a block of the kernel's.
inline int groups_per_page(int words) {
    return detail::kCapacities.groups[words];
}

inline PageTrailer *page_trailer(Page page) {
    return reinterpret_cast<PageTrailer *>(page + kPageEnd);
}
inline uint64 *page_codes(Page page) {
    return reinterpret_cast<uint64 *>(page + kCodesOffset);
}
inline ItemPointer page_tid(Page page, int i) {
    return reinterpret_cast<ItemPointer>(page + kPageEnd) - (i + 1);
}
inline int page_count(Page page) {
    return page_trailer(page)->count;
}

// TIDs carry in the highest bit of their offset, which no table uses, whether the hash's method is unknown.
constexpr OffsetNumber kUnknownMethod = 0x8000;
inline bool tid_is_valid(const ItemPointerData *tid) {
    return (tid->ip_posid & ~kUnknownMethod) != InvalidOffsetNumber;
}
// What vacuum leaves of an entry that must keep its place; else an invalid TID is damage.
inline bool tid_is_removed(const ItemPointerData *tid) {
    return !tid_is_valid(tid) && ItemPointerGetBlockNumberNoCheck(tid) == InvalidBlockNumber;
}
inline bool tid_method_unknown(const ItemPointerData *tid) {
    return (tid->ip_posid & kUnknownMethod) != 0;
}
inline ItemPointerData row_tid(const ItemPointerData *tid) {
    ItemPointerData row = *tid;
    row.ip_posid &= static_cast<OffsetNumber>(~kUnknownMethod);
    return row;
}

// A stored TID as a number.
inline uint64 pack_tid(const ItemPointerData *tid) {
    return static_cast<uint64>(ItemPointerGetBlockNumberNoCheck(tid)) << 16 |
           ItemPointerGetOffsetNumberNoCheck(tid);
}
inline void unpack_tid(uint64 packed, ItemPointer tid) {
    ItemPointerSet(tid, static_cast<BlockNumber>(packed >> 16), static_cast<OffsetNumber>(packed & 0xFFFF));
}

// Word w of entry i lies at page_codes()[code_offset(i, words) + w * kBlock].
inline int code_offset(int i, int words) {
    return i / hamming::kBlock * hamming::kBlock * words + i % hamming::kBlock;
}
inline void load_code(const uint64 *codes, int words, int i, uint64 *code) {
    const uint64 *source = codes + code_offset(i, words);
    for (int w = 0; w < words; w++) code[w] = source[w * hamming::kBlock];
}
inline void store_code(uint64 *codes, int words, int i, const uint64 *code) {
    uint64 *target = codes + code_offset(i, words);
    for (int w = 0; w < words; w++) target[w * hamming::kBlock] = code[w];
}

// Codes as words, all of them.
inline int distance_between(const uint64 *a, const uint64 *b, int words) {
    return hamming::distance(reinterpret_cast<const uint8_t *>(a), reinterpret_cast<const uint8_t *>(b),
                             words * 8);
}

// An empty page of any kind.
void init_page(Page page, PageKind kind, int words, uint32 serial);
// What lies between the two is neither logged nor kept.
void set_hole(Page page, int lower, int upper);

// Pages of entries. The caller has made sure of room.
void append_entry(Page page, const Layout &layout, const uint64 *code, const ItemPointerData *tid);
// Moves an entry down to a free place: to < from.
void move_entry(Page page, const Layout &layout, int from, int to);
void set_count(Page page, const Layout &layout, int count);
// Of a code page.
void set_groups(Page page, int words, int groups);

// ERROR (index_corrupted) that names the block.
[[noreturn]] void report_corruption(Relation index, BlockNumber block, const char *reason);

// Whether pages of the kind have TIDs, as page_tid() finds them.
bool has_tids(int kind);

// Whether the page is a hamming page and its trailer, header and kind agree; else the reason, palloc'd. A
// page that was never written (a crash while extending) is all zero, as PostgreSQL has made sure, and is in
// order: it has no kind and no entries. `words` is that of the index.
const char *find_damage(Page page, int words);

// Reads a page and locks it. ERROR (index_corrupted) where it is damaged.
Buffer read_page(Relation index, BlockNumber block, int words, int lock_mode,
                 BufferAccessStrategy strategy = nullptr);

// Where a page has no codes, or the caller does not know their length.
constexpr int kAnyWords = 0;

// Reads the page that `ref` names and locks it for sharing. ERROR (index_corrupted) unless it is of that kind
// and serial; on a standby, where the primary may have reused the page meanwhile, ERROR
// (serialization_failure).
Buffer read_ref(Relation index, PageRef ref, PageKind kind, int words);

// A code page that is open for reading. Nothing on it changes while a snapshot of before its retirement is in
// use, so on a primary it is pinned and not locked; README.md (Code pages) says why that is right.
struct CodePage {
    Buffer buffer;
    bool locked;
    Page page;
};
// Codes can be read from anywhere on the page. Whether it is the one that is meant is said when it is closed,
// since to look at its two ends first is to wait for memory: ERROR, as read_ref() raises it, also where the
// page has fewer than `codes` codes.
CodePage open_code_page(Relation index, PageRef ref);
void close_code_page(Relation index, PageRef ref, int words, int codes, const CodePage &page);

}  // namespace imagehash::index
