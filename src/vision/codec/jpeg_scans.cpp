// filter_scans() of jpeg_filter.h: walks the scans of a progressive JPEG.
//
// Where the file ends with some coefficient still inexact or missing, libjpeg smooths what it has; means too.
// Such files are left to it, and those whose scans do not follow one another as T.81 says (G.1.1.1).
#include "vision/codec/jpeg_filter.h"

#include <cstring>
#include <new>
#include <utility>

#include "vision/codec/byte_reader.h"

namespace imagehash::vision {

namespace {

constexpr uint8_t kDHT = 0xc4, kEOI = 0xd9, kSOS = 0xda, kDQT = 0xdb, kDRI = 0xdd, kAPP0 = 0xe0, kCOM = 0xfe;
constexpr int kMaxLowBits = 13;

bool is_restart(uint8_t marker) {
    return marker >= 0xd0 && marker <= 0xd7;
}

class ScansFilter {
 public:
    ScansFilter(Bytes data, const JpegScan &first, int low_bits, StopFlag stop)
        : reader_(data), data_(data), first_(first), stop_(stop) {
        memset(low_bits_, -1, sizeof(low_bits_));
        for (int c = 0; c < first.components; c++) low_bits_[c][0] = static_cast<int8_t>(low_bits);
    }

    FilteredScans run() {
        FilteredScans result;
        result.data.reset(new (std::nothrow) uint8_t[data_.size]);
        if (!result.data) return result;
        out_ = result.data.get();
        result.outcome = walk();
        result.size = static_cast<size_t>(out_ - result.data.get());
        return result;
    }

 private:
    FilterOutcome walk() {
        if (!skip_scan_data()) return FilterOutcome::unchanged;
        copy_from(0);
        bool any = false;
        for (;;) {
            if (stop_ && stop_()) return FilterOutcome::stopped;
            size_t begin = at_;
            uint8_t marker = reader_.u8(at_ + 1);
            if (marker == kEOI) {
                at_ += 2;
                copy_from(begin);
                return any && is_exact() ? FilterOutcome::thinner : FilterOutcome::unchanged;
            }
            size_t length = reader_.u16(at_ + 2);
            if (length < 2 || !reader_.has(at_ + 2, length)) return FilterOutcome::unchanged;
            bool used = true;
            at_ += 2 + length;
            if (marker == kSOS) {
                if (!scan(begin + 4, length - 2, &used) || !skip_scan_data()) return FilterOutcome::unchanged;
            } else if (!is_harmless(marker)) {
                return FilterOutcome::unchanged;
            }
            if (reader_.u8(at_) != 0xff) return FilterOutcome::unchanged;
            any |= !used;
            if (used) copy_from(begin);
        }
    }

    static bool is_harmless(uint8_t marker) {
        return marker == kDHT || marker == kDQT || marker == kDRI ||
               (marker >= kAPP0 && marker <= kAPP0 + 15) || marker == kCOM;
    }

    // To the marker that ends a scan. False if there is none, or none that follows at once.
    bool skip_scan_data() {
        for (;;) {
            at_ = reader_.find(at_, 0xff);
            if (!reader_.has(at_, 2)) return false;
            uint8_t marker = reader_.u8(at_ + 1);
            if (marker == 0xff) return false;
            if (marker != 0 && !is_restart(marker)) return true;
            at_ += 2;
        }
    }

    // The header of a scan, and what it says of coefficients. False if it is out of turn.
    bool scan(size_t at, size_t length, bool *used) {
        int count = reader_.u8(at);
        if (count < 1 || count > first_.components || length != 4u + 2u * static_cast<unsigned>(count))
            return false;
        size_t end = at + 1 + 2 * static_cast<size_t>(count);
        int from = reader_.u8(end), to = reader_.u8(end + 1), high = reader_.u8(end + 2) >> 4,
            low = reader_.u8(end + 2) & 15;
        bool sound = from == 0 ? to == 0 : count == 1 && from <= to && to < 64;
        if (!sound || low > kMaxLowBits || (high != 0 && high != low + 1)) return false;
        *used = from == 0;
        int before = -1;
        for (int i = 0; i < count; i++) {
            int c = component(reader_.u8(at + 1 + 2 * static_cast<size_t>(i)));
            // In their order, each once.
            if (c <= before) return false;
            before = c;
            *used |= !first_.component[c].mean_only;
            for (int k = from; k <= to; k++) {
                if (low_bits_[c][k] != (high == 0 ? -1 : high)) return false;
                low_bits_[c][k] = static_cast<int8_t>(low);
            }
        }
        return true;
    }

    int component(uint8_t id) const {
        for (int c = 0; c < first_.components; c++)
            if (first_.component[c].id == id) return c;
        return -1;
    }

    bool is_exact() const {
        for (int c = 0; c < first_.components; c++)
            for (int8_t low : low_bits_[c])
                if (low != 0) return false;
        return true;
    }

    void copy_from(size_t begin) {
        memcpy(out_, data_.data + begin, at_ - begin);
        out_ += at_ - begin;
    }

    ByteReader reader_;
    Bytes data_;
    const JpegScan &first_;
    StopFlag stop_;
    size_t at_ = 0;
    uint8_t *out_ = nullptr;
    int8_t low_bits_[4][64];  // of each coefficient, how many are still missing; -1: all of it
};

}  // namespace

FilteredScans filter_scans(Bytes data, const JpegScan &first, int low_bits, StopFlag stop) {
    return ScansFilter(data, first, low_bits, stop).run();
}

}  // namespace imagehash::vision
