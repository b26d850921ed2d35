// Walks the segments of a progressive JPEG from its first scan to EOI, and copies those that are needed.
//
// libjpeg smooths an image of which some coefficient is still inexact or missing at the end of the file; that
// changes DC coefficients too. Such files must be left to libjpeg, and so must those whose scans do not
// follow one another as T.81 (G.1.1.1) demands.
#include "vision/codec/jpeg_scan_filter.h"

#include <cstring>
#include <new>
#include <utility>

#include "vision/codec/byte_reader.h"

namespace imagehash::vision {

namespace {

constexpr uint8_t kDHT = 0xc4, kEOI = 0xd9, kSOS = 0xda, kDQT = 0xdb, kDRI = 0xdd, kAPP0 = 0xe0, kCOM = 0xfe;
constexpr int kMaxPointTransform = 13;  // Al

bool is_restart(uint8_t marker) {
    return marker >= 0xd0 && marker <= 0xd7;
}

class ScanFilter {
 public:
    ScanFilter(Bytes data, const JpegScan &first, int point_transform, StopFlag stop)
        : reader_(data), data_(data), first_(first), stop_(stop) {
        memset(coef_bits_, -1, sizeof(coef_bits_));
        for (int c = 0; c < first.components; c++) coef_bits_[c][0] = static_cast<int8_t>(point_transform);
    }

    NeededScans run() {
        NeededScans result;
        result.data.reset(new (std::nothrow) uint8_t[data_.size]);
        if (!result.data) return result;
        out_ = result.data.get();
        result.outcome = copy_needed_segments();
        result.size = static_cast<size_t>(out_ - result.data.get());
        return result;
    }

 private:
    FilterOutcome copy_needed_segments() {
        if (!skip_entropy_coded_data()) return FilterOutcome::unchanged;
        copy_from(0);
        bool dropped = false;
        for (;;) {
            if (stop_ && stop_()) return FilterOutcome::stopped;
            size_t begin = at_;
            uint8_t marker = reader_.u8(at_ + 1);
            if (marker == kEOI) {
                at_ += 2;
                copy_from(begin);
                return dropped && is_complete() ? FilterOutcome::reduced : FilterOutcome::unchanged;
            }
            size_t length = reader_.u16(at_ + 2);
            if (length < 2 || !reader_.has(at_ + 2, length)) return FilterOutcome::unchanged;
            bool needed = true;
            at_ += 2 + length;
            if (marker == kSOS) {
                if (!read_scan_header(begin + 4, length - 2, &needed) || !skip_entropy_coded_data())
                    return FilterOutcome::unchanged;
            } else if (!may_precede_scan(marker)) {
                return FilterOutcome::unchanged;
            }
            if (reader_.u8(at_) != 0xff) return FilterOutcome::unchanged;
            dropped |= !needed;
            if (needed) copy_from(begin);
        }
    }

    static bool may_precede_scan(uint8_t marker) {
        return marker == kDHT || marker == kDQT || marker == kDRI ||
               (marker >= kAPP0 && marker <= kAPP0 + 15) || marker == kCOM;
    }

    // To the marker that ends the scan. False if there is none, or if fill bytes stand before it.
    bool skip_entropy_coded_data() {
        for (;;) {
            at_ = reader_.find(at_, 0xff);
            if (!reader_.has(at_, 2)) return false;
            uint8_t marker = reader_.u8(at_ + 1);
            if (marker == 0xff) return false;
            if (marker != 0 && !is_restart(marker)) return true;
            at_ += 2;
        }
    }

    // Reads a scan header (T.81, B.2.3) and notes which bits of coefficients the scan gives. False if it is
    // invalid or out of order.
    bool read_scan_header(size_t at, size_t length, bool *needed) {
        int count = reader_.u8(at);
        if (count < 1 || count > first_.components || length != 4u + 2u * static_cast<unsigned>(count))
            return false;
        size_t end = at + 1 + 2 * static_cast<size_t>(count);
        int ss = reader_.u8(end), se = reader_.u8(end + 1), ah = reader_.u8(end + 2) >> 4,
            al = reader_.u8(end + 2) & 15;
        bool valid = ss == 0 ? se == 0 : count == 1 && ss <= se && se < 64;
        if (!valid || al > kMaxPointTransform || (ah != 0 && ah != al + 1)) return false;
        *needed = ss == 0;
        int previous = -1;
        for (int i = 0; i < count; i++) {
            int c = component_of(reader_.u8(at + 1 + 2 * static_cast<size_t>(i)));
            // In the order of the frame, each once.
            if (c <= previous) return false;
            previous = c;
            *needed |= !first_.component[c].dc_only;
            for (int k = ss; k <= se; k++) {
                if (coef_bits_[c][k] != (ah == 0 ? -1 : ah)) return false;
                coef_bits_[c][k] = static_cast<int8_t>(al);
            }
        }
        return true;
    }

    // -1 if there is none.
    int component_of(uint8_t id) const {
        for (int c = 0; c < first_.components; c++)
            if (first_.component[c].id == id) return c;
        return -1;
    }

    // True if the file gives every coefficient exactly.
    bool is_complete() const {
        for (int c = 0; c < first_.components; c++)
            for (int8_t al : coef_bits_[c])
                if (al != 0) return false;
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
    int8_t coef_bits_[4][64];  // as libjpeg's: of each coefficient how many low bits are missing; -1: all
};

}  // namespace

NeededScans drop_unneeded_scans(Bytes data, const JpegScan &first, int point_transform, StopFlag stop) {
    return ScanFilter(data, first, point_transform, stop).run();
}

}  // namespace imagehash::vision
