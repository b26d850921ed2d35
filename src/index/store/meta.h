// The meta page, block 0: what the index holds and where.
#pragma once

#include "index/store/page.h"

namespace imagehash::index {

constexpr uint32 kMagic = 0x48414D49;
// 1: flat pages only; 2: tiers without id that say nothing of their clustering; 3: codes and TIDs on one
// page, in segments.
constexpr uint32 kVersion = 4;

constexpr int kMaxTiers = 8;
constexpr int kMaxPending = 900;  // pages

// A part of the index that is built at once and then only loses entries.
struct Tier {
    uint64 id;  // random: no two tiers of any index have the same
    PageRef root;
    uint32 leaves;
    uint32 groups;  // of eight codes
    uint32 pages;   // all of them: root, directory, codes, TIDs
    uint32 code_pages;
    uint32 tid_pages;
    int64 entries;  // as built
    int64 dead;     // of them, as the last vacuum counted
    // Of the largest tier, whose leaves the smaller ones share (part_merge.h).
    int64 clustered_rows;  // that the leaves were made for; 0: one leaf without bounds
    uint32 tight_leaves;   // the first ones; the others are loose
    uint32 radius_limit;   // of the codes that a tight leaf takes
    uint32 next_leaf;      // where the next part to be rewritten begins
    uint32 unmeasured;     // rows that came with merges since the reach (directory.h) was measured
};

struct Meta {
    uint32 magic;
    uint32 version;
    uint32 bits;             // length of all hashes; 0 until there is one
    uint32 method;           // the known method among the hashes; 0 while all are unknown
    BlockNumber null_block;  // null page that has room, as far as known
    uint32 next_serial;      // for the next page that becomes part of the index
    uint32 tiers_count;
    uint32 pending_count;
    Tier tiers[kMaxTiers];         // the largest first
    PageRef pending[kMaxPending];  // in the order they were added

    int words() const { return hamming::words_of_bits(static_cast<int>(bits)); }
};

// A new index's; `bits` may be 0.
void make_meta(uint32 bits, Meta *meta);
void init_meta_page(Page page, const Meta &meta);

// Copies the meta page, for a scan with its snapshot. ERROR where it is damaged or of another version, or the
// snapshot is too old.
void read_meta(Relation index, Meta *meta, Snapshot snapshot = nullptr);

// Changes to the meta page, alone or with one other page, in one WAL record:
//   MetaChange change;  begin_meta_change(index, &change);  ... change.meta ...  finish_meta_change(&change);
// Between the two the meta page is locked. What begin_meta_change() finds is in order, or an ERROR.
struct MetaChange {
    Relation index;
    Buffer buffer;
    Meta meta;
};
void begin_meta_change(Relation index, MetaChange *change);
// `with` may add another page that is locked already; it stays locked.
struct PageChange {
    Buffer buffer;
    const char *image;  // BLCKSZ
};
void finish_meta_change(MetaChange *change, const PageChange *with = nullptr);
void abandon_meta_change(MetaChange *change);

// Gives out a serial of a counter. 0 is none: after 2^32 - 1 comes 1.
inline uint32 next_serial(uint32 *counter) {
    const uint32 serial = *counter;
    *counter = serial == PG_UINT32_MAX ? 1 : serial + 1;
    return serial;
}

// Takes `count` serials that nobody else gets; returns the first, a counter for next_serial().
uint32 take_serials(Relation index, uint32 count);

// Merging, vacuum's sweep and everything else that takes pages out of the index exclude each other; inserts
// and scans do not.
void lock_structure(Relation index);
bool try_lock_structure(Relation index);
void unlock_structure(Relation index);

}  // namespace imagehash::index
