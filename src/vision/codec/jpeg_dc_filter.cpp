// Walks the entropy-coded data of a sequential scan (T.81, F.2): decodes DC coefficients, skips or copies AC
// coefficients.
//
// T.81's terms: a Huffman code stands for a symbol. A DC symbol is the size of a difference, whose bits (the
// additional bits) follow the code. An AC symbol (run, size) stands for `run` zeros and one coefficient, of
// which `size` additional bits follow the code; or for the end of the block (EOB). Must not skip what libjpeg
// would report: whatever is odd ends the filter, and libjpeg gets the whole file.
#include "vision/codec/jpeg_dc_filter.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace imagehash::vision {

namespace {

constexpr unsigned kBlockSize = 64;  // coefficients
constexpr int kMaxBlocksInMcu = 10;  // T.81, B.2.3
constexpr int kMaxCodeLength = 16;   // bits
constexpr uint8_t kRST0 = 0xd0, kEOI = 0xd9;

// An entry of the AC lookahead table is found by kAcLookahead bits and skips at most kMaxSkip. The bit reader
// holds enough for three lookups in a row, or for one after the longest DC coefficient. With more bits an
// entry covers more symbols, but the table leaves the fastest cache.
constexpr int kAcLookahead = 13, kMaxSkip = 18;
constexpr int kDcLookahead = 9;

// The most bytes that an MCU can have: 64 codes with their additional bits for each block, each byte stuffed;
// and what add() writes past them.
constexpr size_t kMaxMcuBytes = kMaxBlocksInMcu * kBlockSize * 4 * 2 + 64;

uint64_t big_endian(uint64_t word) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return word;
#else
    return __builtin_bswap64(word);
#endif
}

// The highest bit of each byte that is 0xff.
uint64_t ff_bytes(uint64_t word) {
    constexpr uint64_t kLowBits = 0x7f7f7f7f7f7f7f7fu;
    return ((word & kLowBits) + 0x0101010101010101u) & word & ~kLowBits;
}

uint64_t first_bits(uint64_t bits, int count) {
    return bits & ~(~uint64_t{0} >> count);
}

struct Code {
    int length;  // bits; 0: no code begins so
    int symbol;
};

// Finds codes of any length (T.81, F.2.2.3).
class HuffmanDecoder {
 public:
    // False if libjpeg would refuse the table.
    bool build(const JpegHuffmanTable &table) {
        symbols_ = table.huffval;
        uint32_t code = 0;
        int shorter = 0;
        for (int length = 1; length <= kMaxCodeLength; length++) {
            offset_[length] = shorter - static_cast<int>(code);
            code += table.bits[length];
            shorter += table.bits[length];
            if (shorter > 256 || code >= uint32_t{1} << length) return false;
            limit_[length] = code << (kMaxCodeLength - length);
            code <<= 1;
        }
        count_ = shorter;
        return true;
    }

    // The code at the beginning of `bits`, of which the highest comes first.
    Code find(uint64_t bits) const {
        auto ahead = static_cast<uint32_t>(bits >> (64 - kMaxCodeLength));
        for (int length = 1; length <= kMaxCodeLength; length++)
            if (ahead < limit_[length])
                return {length,
                        symbols_[offset_[length] + static_cast<int>(ahead >> (kMaxCodeLength - length))]};
        return {0, 0};
    }

    int count() const { return count_; }
    int symbol(int i) const { return symbols_[i]; }

 private:
    uint32_t limit_[kMaxCodeLength + 1];  // 16 bits are below it if their first code is no longer than this
    int offset_[kMaxCodeLength + 1];      // index in symbols_ minus code
    const uint8_t *symbols_;
    int count_;
};

// Differences of DC coefficients. An entry has the number of bits of a code and its additional bits in the
// lowest eight, and the number of additional bits above them; 0 if the code is longer than the lookahead.
struct DcTable {
    HuffmanDecoder codes;
    uint16_t entries[1 << kDcLookahead];

    static unsigned entry(Code code) {
        return static_cast<unsigned>(code.length == 0 ? 0 : code.symbol << 8 | (code.length + code.symbol));
    }

    bool build(const JpegHuffmanTable &table) {
        if (!codes.build(table)) return false;
        for (int i = 0; i < codes.count(); i++)
            if (codes.symbol(i) > 15) return false;
        for (uint64_t ahead = 0; ahead < 1 << kDcLookahead; ahead++) {
            Code code = codes.find(ahead << (64 - kDcLookahead));
            entries[ahead] = static_cast<uint16_t>(code.length <= kDcLookahead ? entry(code) : 0);
        }
        return true;
    }
};

// AC coefficients. An entry covers as many whole codes as fit into the lookahead: the lowest six bits say how
// many bits they and their additional bits take, the bits above how many coefficients. kEndOfBlock or more
// coefficients mean that the block ends there; kNoEntry, that the lookahead does not hold a whole code.
constexpr unsigned kEndOfBlock = 128, kNoEntry = 512;

struct AcTable {
    HuffmanDecoder codes;
    uint16_t entries[1 << kAcLookahead];
    uint16_t first[1 << kAcLookahead];  // length and symbol of the first code in the lookahead

    static unsigned coefficients_of(unsigned symbol) {
        unsigned run = symbol >> 4;
        return symbol & 15 || run == 15 ? run + 1 : kEndOfBlock;
    }

    void find_first() {
        memset(first, 0, sizeof(first));
        for (uint64_t ahead = 0; ahead < 1 << kAcLookahead;) {
            Code code = codes.find(ahead << (64 - kAcLookahead));
            // The code is longer, so those that follow are no shorter; or there is none.
            if (code.length == 0 || code.length > kAcLookahead) break;
            uint64_t next = ahead + (uint64_t{1} << (kAcLookahead - code.length));
            for (; ahead < next; ahead++)
                first[ahead] = static_cast<uint16_t>(code.length << 8 | code.symbol);
        }
    }

    uint16_t entry(unsigned ahead) const {
        unsigned bits = 0, coefficients = 0;
        while (coefficients < kEndOfBlock) {
            unsigned rest = (ahead << bits) & ((1u << kAcLookahead) - 1);
            unsigned length = first[rest] >> 8, symbol = first[rest] & 0xff;
            if (length == 0 || bits + length > kAcLookahead || bits + length + (symbol & 15) > kMaxSkip)
                break;
            unsigned more = coefficients_of(symbol);
            if (coefficients + more >= kBlockSize && more < kEndOfBlock) break;
            bits += length + (symbol & 15);
            coefficients += more;
            // The last additional bits lie beyond the lookahead.
            if (bits >= kAcLookahead) break;
        }
        return static_cast<uint16_t>(bits == 0 ? kNoEntry << 6 : coefficients << 6 | bits);
    }

    bool build(const JpegHuffmanTable &table) {
        if (!codes.build(table)) return false;
        find_first();
        for (unsigned ahead = 0; ahead < 1u << kAcLookahead; ahead++) entries[ahead] = entry(ahead);
        return true;
    }
};

// Bits of the entropy-coded data up to the next marker, without stuffed bytes; then zeros (the padding).
struct BitReader {
    const uint8_t *at, *end;
    uint64_t bits = 0;  // the bits ahead, the first one highest
    int count = 0;      // at least so many of them are valid
    int padding = 0;    // of all bits handed out, those past the marker

    // Makes at least 56 bits valid.
    void refill() {
        if (__builtin_expect(end - at < 8, 0)) {
            *this = refilled(*this);
            return;
        }
        uint64_t word;
        memcpy(&word, at, 8);
        word = big_endian(word);
        int taken = (63 - count) >> 3;
        if (uint64_t found = ff_bytes(word)) {
            int place = __builtin_clzll(found) >> 3;
            uint64_t after = ~uint64_t{0} >> 8 * place >> 8;
            if (place < taken) {
                // What follows the stuffed zero moves up to the 0xff.
                if ((found & (found - 1)) != 0 || (word & after) >> (48 - 8 * place) != 0) {
                    *this = refilled(*this);
                    return;
                }
                word = (word & ~after) | (word << 8 & after);
                at++;
            } else {
                word &= ~after;
            }
        }
        bits |= word >> count;
        at += taken;
        count |= 56;
    }

    static BitReader refilled(BitReader reader);

    void skip(int n) {
        bits <<= n;
        count -= n;
    }

    // How many bits are left before the marker; exact if they are less than 56.
    int left() {
        while (count < 56) *this = refilled(*this);
        return count - padding;
    }
};

__attribute__((noinline)) BitReader BitReader::refilled(BitReader reader) {
    while (reader.count < 56) {
        uint64_t byte = 0;
        if (reader.at < reader.end && *reader.at != 0xff) {
            byte = *reader.at++;
        } else if (reader.end - reader.at >= 2 && reader.at[1] == 0) {
            byte = 0xff;
            reader.at += 2;
        } else {
            reader.padding += 8;
        }
        reader.bits |= byte << (56 - reader.count);
        reader.count += 8;
    }
    return reader;
}

// Writes entropy-coded data: a zero byte is stuffed after each 0xff.
struct StuffingBitWriter {
    uint8_t *at;
    uint64_t bits = 0;  // not yet written, the first one highest, zeros after them
    int count = 0;      // of `bits`, below 8 between calls

    // The first n bits of `more`, all others of which are zero. REQUIRES: n <= 56.
    void add(uint64_t more, int n) {
        bits |= more >> count;
        count += n;
        if (__builtin_expect(ff_bytes(bits) != 0, 0)) {
            *this = stuffed(*this);
            return;
        }
        uint64_t word = big_endian(bits);
        memcpy(at, &word, 8);
        at += count >> 3;
        bits <<= count & ~7 & 63;
        count &= 7;
    }

    static StuffingBitWriter stuffed(StuffingBitWriter writer);

    void marker(uint8_t kind) {
        if (count > 0) add(first_bits(~uint64_t{0}, 8 - count), 8 - count);
        *at++ = 0xff;
        *at++ = kind;
    }
};

__attribute__((noinline)) StuffingBitWriter StuffingBitWriter::stuffed(StuffingBitWriter writer) {
    for (; writer.count >= 8; writer.count -= 8) {
        auto byte = static_cast<uint8_t>(writer.bits >> 56);
        *writer.at++ = byte;
        if (byte == 0xff) *writer.at++ = 0;
        writer.bits <<= 8;
    }
    return writer;
}

// Skips one AC symbol: its code is longer than the lookahead, or it is the last of its block while the entry
// covers symbols of the next one too. `k` is the zigzag index of the next coefficient (T.81, F.2.2.2). False
// for a code that does not exist, and for coefficients beyond the block.
__attribute__((noinline)) bool skip_ac_symbol(const AcTable &table, BitReader &in, unsigned &k) {
    Code code = table.codes.find(in.bits);
    in.skip(code.length + (code.symbol & 15));
    k += AcTable::coefficients_of(static_cast<unsigned>(code.symbol));
    return code.length > 0 && (k <= kBlockSize || k >= kEndOfBlock);
}

// Skips the AC coefficients of a block; copies them if asked to. False if they are damaged.
// REQUIRES: `in` holds the bits of one lookup.
template <bool copy>
__attribute__((always_inline)) inline bool skip_ac_coefficients(const AcTable &table, BitReader &in,
                                                                StuffingBitWriter &out) {
    const uint16_t *entries = table.entries;
    uint64_t begin = in.bits;
    int count = in.count;
    unsigned k = 1, next, entry;
    // False, and nothing is skipped, if the entry leads to the end of the block.
    auto skip_entry = [&] {
        entry = entries[in.bits >> (64 - kAcLookahead)];
        next = k + (entry >> 6);
        if (__builtin_expect(next >= kBlockSize, 0)) return false;
        in.skip(entry & 63);
        k = next;
        return true;
    };
    bool inside = skip_entry();
    for (;;) {
        if (!inside && (next == kBlockSize || (next >= kEndOfBlock && next < kEndOfBlock + kBlockSize))) {
            in.skip(entry & 63);
            if (copy) out.add(first_bits(begin, count - in.count), count - in.count);
            return true;
        }
        if (copy) out.add(first_bits(begin, count - in.count), count - in.count);
        in.refill();
        begin = in.bits;
        count = in.count;
        if (!inside) {
            BitReader slow = in;
            unsigned slow_k = k;
            if (!skip_ac_symbol(table, slow, slow_k)) return false;
            in = slow;
            k = slow_k;
            if (k >= kBlockSize) {
                if (copy) out.add(first_bits(begin, count - in.count), count - in.count);
                return true;
            }
            inside = true;
        } else {
            inside = skip_entry() && skip_entry() && skip_entry();
        }
    }
}

// A block of an MCU.
struct Block {
    const DcTable *dc;
    const AcTable *ac;
    int component;
    int column, row;  // among the blocks of its component in the MCU
};

class DcOnlyDecoder {
 public:
    DcOnlyDecoder(Bytes data, const JpegScan &scan, StopFlag stop)
        : scan_(scan), stop_(stop), data_(data), in_{data.data, data.data + data.size} {}

    DcOnlyScan run(size_t header_size) {
        if (prepare(header_size)) result_.outcome = decode();
        result_.remainder_size =
            result_.remainder ? static_cast<size_t>(out_.at - result_.remainder.get()) : 0;
        return std::move(result_);
    }

 private:
    // Builds tables and allocates; false if that fails.
    bool prepare(size_t header_size) {
        bool all_dc_only = true;
        for (int c = 0; c < scan_.components; c++) {
            const JpegComponent &component = scan_.component[c];
            if (!add_blocks(c)) return false;
            all_dc_only &= component.dc_only;
            if (!component.dc_only) continue;
            DcPlane &plane = result_.plane[c];
            plane.width = scan_.mcus_per_row * component.mcu_width;
            auto size = static_cast<size_t>(plane.width * scan_.mcu_rows * component.mcu_height);
            plane.samples.reset(new (std::nothrow) uint8_t[size]);
            if (!plane.samples) return false;
        }
        if (all_dc_only) return true;
        size_t capacity = header_size + data_.size + kMaxMcuBytes;
        result_.remainder.reset(new (std::nothrow) uint8_t[capacity]);
        if (!result_.remainder) return false;
        out_.at = result_.remainder.get() + header_size;
        last_ = result_.remainder.get() + (capacity - kMaxMcuBytes);
        return true;
    }

    // Components may share their tables.
    bool add_blocks(int c) {
        const JpegComponent &component = scan_.component[c];
        for (int other = 0; other < c && !tables_[c]; other++)
            if (scan_.component[other].dc_table.huffval == component.dc_table.huffval &&
                scan_.component[other].ac_table.huffval == component.ac_table.huffval)
                tables_[c] = tables_[other];
        if (!tables_[c]) {
            built_[c].reset(new (std::nothrow) Tables);
            tables_[c] = built_[c].get();
            if (!tables_[c] || !tables_[c]->dc.build(component.dc_table) ||
                !tables_[c]->ac.build(component.ac_table))
                return false;
        }
        if (component.mcu_width < 1 || component.mcu_height < 1 ||
            component.mcu_width * component.mcu_height > kMaxBlocksInMcu - blocks_in_mcu_)
            return false;
        for (int i = 0; i < component.mcu_width * component.mcu_height; i++)
            block_[blocks_in_mcu_++] = {&tables_[c]->dc, &tables_[c]->ac, c, i % component.mcu_width,
                                        i / component.mcu_width};
        return true;
    }

    FilterOutcome decode() {
        int64_t mcus = scan_.mcus_per_row * scan_.mcu_rows;
        int64_t interval = scan_.restart_interval > 0 ? scan_.restart_interval : mcus;
        for (int64_t begin = 0; begin < mcus; begin += interval) {
            if (begin > 0 && !read_marker(static_cast<uint8_t>(kRST0 + (begin / interval - 1) % 8)))
                return FilterOutcome::unchanged;
            memset(last_dc_, 0, sizeof(last_dc_));
            for (int64_t at = begin, end = std::min(mcus, begin + interval); at < end;) {
                int64_t row = at / scan_.mcus_per_row, column = at % scan_.mcus_per_row;
                int64_t count = std::min(end - at, scan_.mcus_per_row - column);
                if (stop_ && stop_()) return FilterOutcome::stopped;
                if (!decode_mcus(row, column, count) || in_.padding > in_.count)
                    return FilterOutcome::unchanged;
                at += count;
            }
        }
        return read_marker(kEOI) ? FilterOutcome::reduced : FilterOutcome::unchanged;
    }

    // The marker that must follow, after less than a byte of fill bits.
    bool read_marker(uint8_t marker) {
        int left = in_.left();
        if (left < 0 || left > 7 || in_.end - in_.at < 2 || in_.at[0] != 0xff || in_.at[1] != marker)
            return false;
        in_ = {in_.at + 2, in_.end};
        if (result_.remainder) out_.marker(marker);
        return true;
    }

    // MCUs of one row. False if anything about them is odd.
    bool decode_mcus(int64_t row, int64_t column, int64_t count) {
        uint8_t *sample[kMaxBlocksInMcu];
        for (int b = 0; b < blocks_in_mcu_; b++) {
            const JpegComponent &component = scan_.component[block_[b].component];
            const DcPlane &plane = result_.plane[block_[b].component];
            sample[b] = component.dc_only ? plane.samples.get() +
                                                (row * component.mcu_height + block_[b].row) * plane.width +
                                                column * component.mcu_width + block_[b].column
                                          : nullptr;
        }
        BitReader in = in_;
        StuffingBitWriter out = out_;
        bool sound = true;
        for (; sound && count > 0; count--) {
            if (out.at > last_) return false;
            for (int b = 0; b < blocks_in_mcu_; b++) {
                const Block &block = block_[b];
                in.refill();
                unsigned entry = block.dc->entries[in.bits >> (64 - kDcLookahead)];
                if (entry == 0) entry = DcTable::entry(block.dc->codes.find(in.bits));
                if (entry == 0) return false;
                uint64_t begin = in.bits;
                in.skip(entry & 63);
                if (sample[b]) {
                    sound &= decode_dc(block.component, begin, entry, sample[b]);
                    sample[b] += scan_.component[block.component].mcu_width;
                    if (!skip_ac_coefficients<false>(*block.ac, in, out)) return false;
                } else {
                    out.add(first_bits(begin, entry & 63), entry & 63);
                    if (!skip_ac_coefficients<true>(*block.ac, in, out)) return false;
                }
            }
        }
        in_ = in;
        out_ = out;
        return sound;
    }

    // The sample that a DC coefficient makes. False if it is far out of range: there decoders differ.
    bool decode_dc(int component, uint64_t bits, unsigned entry, uint8_t *sample) {
        int size = static_cast<int>(entry >> 8);
        bits <<= (entry & 63) - (entry >> 8);
        auto additional_bits = static_cast<uint32_t>(bits >> 1 >> (63 - size));
        // Negative differences begin with a zero, and are one's complements (T.81, F.2.2.1: EXTEND).
        uint32_t negative = 0u - static_cast<uint32_t>(~bits >> 63);
        last_dc_[component] += additional_bits + (negative & (1u - (1u << size)));
        auto value =
            static_cast<int32_t>(last_dc_[component] * scan_.component[component].quantization_table[0]);
        value = (value + 4) >> 3;
        *sample = static_cast<uint8_t>(std::min(std::max(value + 128, 0), 255));
        return value >= -512 && value < 512;
    }

    struct Tables {
        DcTable dc;
        AcTable ac;
    };

    const JpegScan &scan_;
    StopFlag stop_;
    Bytes data_;
    BitReader in_;
    StuffingBitWriter out_ = {};
    uint8_t *last_ = nullptr;  // the last place in the remainder where an MCU may begin
    std::unique_ptr<Tables> built_[4];
    Tables *tables_[4] = {};
    Block block_[kMaxBlocksInMcu];
    int blocks_in_mcu_ = 0;
    uint32_t last_dc_[4];  // of each component: DC coefficients are coded as differences
    DcOnlyScan result_;
};

}  // namespace

DcOnlyScan decode_dc_only(Bytes data, const JpegScan &scan, size_t header_size, StopFlag stop) {
    return DcOnlyDecoder(data, scan, stop).run(header_size);
}

}  // namespace imagehash::vision
