// See jpeg_filter.h. Terms of ITU-T T.81: a symbol (run, size) of a block's coefficients stands for `run`
// zeros and one coefficient, whose `size` bits follow the code; or for the end of the block.
#include "vision/codec/jpeg_filter.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace imagehash::vision {

namespace {

constexpr unsigned kBlockSize = 64;
constexpr int kMaxBlocks = 10;  // in a minimum coded unit
constexpr int kMaxCode = 16;    // bits

// Bits of a look into a table of many symbols, and the most that it may pass over: the reader holds enough
// for three in a row, or for one behind the longest mean. More bits tell more, and leave the fastest cache.
constexpr int kLookBits = 13, kMostBits = 18;
constexpr int kMeanLookBits = 9;

// What one unit may become: 64 codes with their bits a block, each byte stuffed, and what a flush writes
// beyond it.
constexpr size_t kUnitBytes = kMaxBlocks * kBlockSize * 4 * 2 + 64;

uint64_t big_endian(uint64_t word) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return word;
#else
    return __builtin_bswap64(word);
#endif
}

// The highest bit of each byte that is 0xff.
uint64_t ff_bytes(uint64_t word) {
    constexpr uint64_t low = 0x7f7f7f7f7f7f7f7fu;
    return ((word & low) + 0x0101010101010101u) & word & ~low;
}

uint64_t first_bits(uint64_t bits, int count) {
    return bits & ~(~uint64_t{0} >> count);
}

struct Code {
    int length;  // 0: no code begins so
    int symbol;
};

// A canonical Huffman code.
class Codes {
 public:
    // False if libjpeg would not take it.
    bool build(const JpegCodes &codes) {
        symbols_ = codes.symbols;
        uint32_t code = 0;
        int before = 0;
        for (int length = 1; length <= kMaxCode; length++) {
            offset_[length] = before - static_cast<int>(code);
            code += codes.counts[length];
            before += codes.counts[length];
            if (before > 256 || code >= uint32_t{1} << length) return false;
            end_[length] = code << (kMaxCode - length);
            code <<= 1;
        }
        count_ = before;
        return true;
    }

    // The code that `bits`, of which the highest comes first, begin with.
    Code find(uint64_t bits) const {
        auto ahead = static_cast<uint32_t>(bits >> (64 - kMaxCode));
        for (int length = 1; length <= kMaxCode; length++)
            if (ahead < end_[length])
                return {length, symbols_[offset_[length] + static_cast<int>(ahead >> (kMaxCode - length))]};
        return {0, 0};
    }

    int count() const { return count_; }
    int symbol(int i) const { return symbols_[i]; }

 private:
    uint32_t end_[kMaxCode + 1];  // what the next 16 bits are below, if their code is no longer than this
    int offset_[kMaxCode + 1];
    const uint8_t *symbols_;
    int count_;
};

// The means' differences. An entry: how many bits a code and its number take, and above them, how many the
// number; 0 where a look does not tell.
struct MeanTable {
    Codes codes;
    uint16_t entries[1 << kMeanLookBits];

    static unsigned entry(Code code) {
        return static_cast<unsigned>(code.length == 0 ? 0 : code.symbol << 8 | (code.length + code.symbol));
    }

    bool build(const JpegCodes &given) {
        if (!codes.build(given)) return false;
        for (int i = 0; i < codes.count(); i++)
            if (codes.symbol(i) > 15) return false;
        for (uint64_t look = 0; look < 1 << kMeanLookBits; look++) {
            Code code = codes.find(look << (64 - kMeanLookBits));
            entries[look] = static_cast<uint16_t>(code.length <= kMeanLookBits ? entry(code) : 0);
        }
        return true;
    }
};

// The other coefficients. An entry tells of as many symbols as a look shows: how many bits they take (the
// lowest six of it) and how far they lead in the block. What leads to kEnd or further ends the block, what
// leads to kUnknown the look does not show.
constexpr unsigned kEnd = 128, kUnknown = 512;

struct OtherTable {
    Codes codes;
    uint16_t entries[1 << kLookBits];
    uint16_t first[1 << kLookBits];  // length and symbol of the code that a look begins with

    static unsigned step(unsigned symbol) {
        unsigned run = symbol >> 4;
        return symbol & 15 || run == 15 ? run + 1 : kEnd;
    }

    void find_first() {
        memset(first, 0, sizeof(first));
        for (uint64_t look = 0; look < 1 << kLookBits;) {
            Code code = codes.find(look << (64 - kLookBits));
            // A longer code: those that follow are no shorter, and there may be none at all.
            if (code.length == 0 || code.length > kLookBits) break;
            uint64_t next = look + (uint64_t{1} << (kLookBits - code.length));
            for (; look < next; look++) first[look] = static_cast<uint16_t>(code.length << 8 | code.symbol);
        }
    }

    uint16_t entry(unsigned look) const {
        unsigned bits = 0, steps = 0;
        while (steps < kEnd) {
            unsigned rest = (look << bits) & ((1u << kLookBits) - 1);
            unsigned length = first[rest] >> 8, symbol = first[rest] & 0xff;
            if (length == 0 || bits + length > kLookBits || bits + length + (symbol & 15) > kMostBits) break;
            if (steps + step(symbol) >= kBlockSize && step(symbol) < kEnd) break;
            bits += length + (symbol & 15);
            steps += step(symbol);
            // Bits of a number that the look does not show.
            if (bits >= kLookBits) break;
        }
        return static_cast<uint16_t>(bits == 0 ? kUnknown << 6 : steps << 6 | bits);
    }

    bool build(const JpegCodes &given) {
        if (!codes.build(given)) return false;
        find_first();
        for (unsigned look = 0; look < 1u << kLookBits; look++) entries[look] = entry(look);
        return true;
    }
};

// The bits of a scan up to its next marker; zeros behind it.
struct BitReader {
    const uint8_t *at, *end;
    uint64_t bits = 0;  // those ahead, the first one highest
    int count = 0;      // at least so many of them are there
    int made_up = 0;    // zeros behind the marker

    // At least 56 bits.
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
            uint64_t behind = ~uint64_t{0} >> 8 * place >> 8;
            if (place < taken) {
                // What is behind a stuffed zero moves up to the 0xff.
                if ((found & (found - 1)) != 0 || (word & behind) >> (48 - 8 * place) != 0) {
                    *this = refilled(*this);
                    return;
                }
                word = (word & ~behind) | (word << 8 & behind);
                at++;
            } else {
                word &= ~behind;
            }
        }
        bits |= word >> count;
        at += taken;
        count |= 56;
    }

    static BitReader refilled(BitReader reader);

    void pass(int n) {
        bits <<= n;
        count -= n;
    }

    // Bits that are in the file, up to the marker. Nothing else may lie between.
    int left() {
        while (count < 56) *this = refilled(*this);
        return count - made_up;
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
            reader.made_up += 8;
        }
        reader.bits |= byte << (56 - reader.count);
        reader.count += 8;
    }
    return reader;
}

// Writes as JPEG wants it: a zero behind each 0xff.
struct BitWriter {
    uint8_t *at;
    uint64_t bits = 0;  // those not yet written, the first one highest; zeros behind them
    int count = 0;      // of them, below 8 between calls

    // The first n of `more`, behind which there are zeros. At most 56.
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

    static BitWriter stuffed(BitWriter writer);

    void marker(uint8_t kind) {
        if (count > 0) add(first_bits(~uint64_t{0}, 8 - count), 8 - count);
        *at++ = 0xff;
        *at++ = kind;
    }
};

__attribute__((noinline)) BitWriter BitWriter::stuffed(BitWriter writer) {
    for (; writer.count >= 8; writer.count -= 8) {
        auto byte = static_cast<uint8_t>(writer.bits >> 56);
        *writer.at++ = byte;
        if (byte == 0xff) *writer.at++ = 0;
        writer.bits <<= 8;
    }
    return writer;
}

// Passes over the symbol ahead, which a look does not show whole, or which is the last of its block though
// others follow in the look. False for what is none.
__attribute__((noinline)) bool pass_symbol(const OtherTable &table, BitReader &in, unsigned &place) {
    Code code = table.codes.find(in.bits);
    in.pass(code.length + (code.symbol & 15));
    place += OtherTable::step(static_cast<unsigned>(code.symbol));
    return code.length > 0 && (place <= kBlockSize || place >= kEnd);
}

// Passes over what follows a block's mean, and copies it if asked to. False if it is no such thing. The
// reader must hold a look's bits.
template <bool copied>
__attribute__((always_inline)) inline bool pass_block(const OtherTable &table, BitReader &in,
                                                      BitWriter &out) {
    const uint16_t *entries = table.entries;
    uint64_t begin = in.bits;
    int count = in.count;
    unsigned place = 1, next, entry;
    // False, and nothing passed over, where that leads to the end of the block.
    auto look = [&] {
        entry = entries[in.bits >> (64 - kLookBits)];
        next = place + (entry >> 6);
        if (__builtin_expect(next >= kBlockSize, 0)) return false;
        in.pass(entry & 63);
        place = next;
        return true;
    };
    bool inside = look();
    for (;;) {
        if (!inside && (next == kBlockSize || (next >= kEnd && next < kEnd + kBlockSize))) {
            in.pass(entry & 63);
            if (copied) out.add(first_bits(begin, count - in.count), count - in.count);
            return true;
        }
        if (copied) out.add(first_bits(begin, count - in.count), count - in.count);
        in.refill();
        begin = in.bits;
        count = in.count;
        if (!inside) {
            BitReader slow = in;
            unsigned slow_place = place;
            if (!pass_symbol(table, slow, slow_place)) return false;
            in = slow;
            place = slow_place;
            if (place >= kBlockSize) {
                if (copied) out.add(first_bits(begin, count - in.count), count - in.count);
                return true;
            }
            inside = true;
        } else {
            inside = look() && look() && look();
        }
    }
}

// One of the blocks of a unit.
struct Block {
    const MeanTable *means;
    const OtherTable *others;
    int component, across, down;  // its place among those of its component in the unit
};

class ScanFilter {
 public:
    ScanFilter(Bytes data, const JpegScan &scan, StopFlag stop)
        : scan_(scan), stop_(stop), data_(data), in_{data.data, data.data + data.size} {}

    FilteredScan run(size_t before_rest) {
        if (prepare(before_rest)) result_.outcome = filter();
        result_.rest_size = result_.rest ? static_cast<size_t>(out_.at - result_.rest.get()) : 0;
        return std::move(result_);
    }

 private:
    bool prepare(size_t before_rest) {
        bool all = true;
        for (int c = 0; c < scan_.components; c++) {
            const JpegComponent &component = scan_.component[c];
            if (!add_blocks(c)) return false;
            all &= component.mean_only;
            if (!component.mean_only) continue;
            Plane &plane = result_.plane[c];
            plane.width = scan_.units_a_row * component.across;
            auto size = static_cast<size_t>(plane.width * scan_.rows * component.down);
            plane.pixels.reset(new (std::nothrow) uint8_t[size]);
            if (!plane.pixels) return false;
        }
        if (all) return true;
        size_t capacity = before_rest + data_.size + kUnitBytes;
        result_.rest.reset(new (std::nothrow) uint8_t[capacity]);
        if (!result_.rest) return false;
        out_.at = result_.rest.get() + before_rest;
        last_ = result_.rest.get() + (capacity - kUnitBytes);
        return true;
    }

    // Components may share their codes.
    bool add_blocks(int c) {
        const JpegComponent &component = scan_.component[c];
        for (int same = 0; same < c && !tables_[c]; same++)
            if (scan_.component[same].mean_codes.symbols == component.mean_codes.symbols &&
                scan_.component[same].other_codes.symbols == component.other_codes.symbols)
                tables_[c] = tables_[same];
        if (!tables_[c]) {
            built_[c].reset(new (std::nothrow) Tables);
            tables_[c] = built_[c].get();
            if (!tables_[c] || !tables_[c]->means.build(component.mean_codes) ||
                !tables_[c]->others.build(component.other_codes))
                return false;
        }
        if (component.across < 1 || component.down < 1 ||
            component.across * component.down > kMaxBlocks - blocks_)
            return false;
        for (int i = 0; i < component.across * component.down; i++)
            block_[blocks_++] = {&tables_[c]->means, &tables_[c]->others, c, i % component.across,
                                 i / component.across};
        return true;
    }

    FilterOutcome filter() {
        int64_t units = scan_.units_a_row * scan_.rows;
        int64_t interval = scan_.restart_interval > 0 ? scan_.restart_interval : units;
        for (int64_t begin = 0; begin < units; begin += interval) {
            if (begin > 0 && !marker(static_cast<uint8_t>(0xd0 + (begin / interval - 1) % 8)))
                return FilterOutcome::unchanged;
            memset(mean_, 0, sizeof(mean_));
            for (int64_t at = begin, end = std::min(units, begin + interval); at < end;) {
                int64_t row = at / scan_.units_a_row, column = at % scan_.units_a_row;
                int64_t more = std::min(end - at, scan_.units_a_row - column);
                if (stop_ && stop_()) return FilterOutcome::stopped;
                if (!pass_units(row, column, more) || in_.made_up > in_.count)
                    return FilterOutcome::unchanged;
                at += more;
            }
        }
        return marker(0xd9) ? FilterOutcome::thinner : FilterOutcome::unchanged;
    }

    // The marker that must come next, behind less than a byte of padding.
    bool marker(uint8_t kind) {
        int left = in_.left();
        if (left < 0 || left > 7 || in_.end - in_.at < 2 || in_.at[0] != 0xff || in_.at[1] != kind)
            return false;
        in_ = {in_.at + 2, in_.end};
        if (result_.rest) out_.marker(kind);
        return true;
    }

    // Units of one row. False if anything about them is odd.
    bool pass_units(int64_t row, int64_t column, int64_t units) {
        uint8_t *pixel[kMaxBlocks];
        for (int b = 0; b < blocks_; b++) {
            const JpegComponent &component = scan_.component[block_[b].component];
            const Plane &plane = result_.plane[block_[b].component];
            pixel[b] = component.mean_only
                           ? plane.pixels.get() + (row * component.down + block_[b].down) * plane.width +
                                 column * component.across + block_[b].across
                           : nullptr;
        }
        BitReader in = in_;
        BitWriter out = out_;
        bool sound = true;
        for (; sound && units > 0; units--) {
            if (out.at > last_) return false;
            for (int b = 0; b < blocks_; b++) {
                const Block &block = block_[b];
                in.refill();
                unsigned entry = block.means->entries[in.bits >> (64 - kMeanLookBits)];
                if (entry == 0) entry = MeanTable::entry(block.means->codes.find(in.bits));
                if (entry == 0) return false;
                uint64_t begin = in.bits;
                in.pass(entry & 63);
                if (pixel[b]) {
                    sound &= mean(block.component, begin, entry, pixel[b]);
                    pixel[b] += scan_.component[block.component].across;
                    if (!pass_block<false>(*block.others, in, out)) return false;
                } else {
                    out.add(first_bits(begin, entry & 63), entry & 63);
                    if (!pass_block<true>(*block.others, in, out)) return false;
                }
            }
        }
        in_ = in;
        out_ = out;
        return sound;
    }

    // The pixel that a mean makes. False beyond what images hold: there decoders differ.
    bool mean(int component, uint64_t bits, unsigned entry, uint8_t *pixel) {
        int size = static_cast<int>(entry >> 8);
        bits <<= (entry & 63) - (entry >> 8);
        auto number = static_cast<uint32_t>(bits >> 1 >> (63 - size));
        // Negative numbers begin with a zero, and are one's complements.
        uint32_t negative = 0u - static_cast<uint32_t>(~bits >> 63);
        mean_[component] += number + (negative & (1u - (1u << size)));
        auto value = static_cast<int32_t>(mean_[component] * scan_.component[component].quanta[0]);
        value = (value + 4) >> 3;
        *pixel = static_cast<uint8_t>(std::min(std::max(value + 128, 0), 255));
        return value >= -512 && value < 512;
    }

    struct Tables {
        MeanTable means;
        OtherTable others;
    };

    const JpegScan &scan_;
    StopFlag stop_;
    Bytes data_;
    BitReader in_;
    BitWriter out_ = {};
    uint8_t *last_ = nullptr;  // where a unit may still begin
    std::unique_ptr<Tables> built_[4];
    Tables *tables_[4] = {};
    Block block_[kMaxBlocks];
    int blocks_ = 0;
    uint32_t mean_[4];
    FilteredScan result_;
};

}  // namespace

FilteredScan filter_scan(Bytes data, const JpegScan &scan, size_t before_rest, StopFlag stop) {
    return ScanFilter(data, scan, stop).run(before_rest);
}

}  // namespace imagehash::vision
