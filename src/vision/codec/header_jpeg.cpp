// Walks the markers from SOI to EOI, through entropy-coded data too.
//
// libjpeg only warns of a file without EOI, and makes up gray pixels. Such a file must be refused here.
#include "vision/codec/header_jpeg.h"

#include <cstring>

#include "vision/codec/byte_reader.h"
#include "vision/codec/format_text.h"
#include "vision/codec/header_tiff.h"

namespace imagehash::vision {

namespace {

constexpr uint8_t kSOI = 0xd8, kEOI = 0xd9, kSOS = 0xda, kAPP1 = 0xe1, kTEM = 0x01;

bool is_restart(uint8_t marker) {
    return marker >= 0xd0 && marker <= 0xd7;
}
bool is_frame(uint8_t marker) {
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

// True if no marker (0xff and anything but zero) begins in the next kAhead bytes; reads one byte more.
// Entropy-coded data are nearly all of a file, and full of stuffed zeros.
constexpr size_t kAhead = 64;

bool no_marker_ahead(const uint8_t *at) {
    typedef uint8_t Vector __attribute__((vector_size(16)));
    Vector found = {}, zero = {}, ff = zero - 1;
    for (size_t i = 0; i < kAhead; i += sizeof(Vector)) {
        Vector here, next;
        memcpy(&here, at + i, sizeof(here));
        memcpy(&next, at + i + 1, sizeof(next));
        found |= reinterpret_cast<Vector>(here == ff) & next;
    }
    uint64_t halves[2];
    memcpy(halves, &found, sizeof(halves));
    return (halves[0] | halves[1]) == 0;
}

class JpegWalk {
 public:
    explicit JpegWalk(Bytes image) : image_(image), reader_(image), header_{ImageFormat::jpeg} {}

    ImageHeader run() {
        while (next_marker()) {
            if (marker_ == kEOI) return finish();
            if (marker_ == kSOI || marker_ == kTEM || is_restart(marker_)) continue;
            if (!read_segment()) return header_;
        }
        header_.damage = format_text("is truncated: no end-of-image marker after %zu bytes", reader_.size());
        return header_;
    }

 private:
    // Finds the next marker; skips fill bytes, stuffed zeros and stray bytes between segments.
    bool next_marker() {
        for (;;) {
            while (reader_.has(at_, kAhead + 1) && no_marker_ahead(image_.data + at_)) at_ += kAhead;
            at_ = reader_.find(at_, 0xff);
            while (reader_.u8(at_) == 0xff) at_++;
            if (!reader_.has(at_, 1)) return false;
            marker_ = reader_.u8(at_++);
            if (marker_ != 0) return true;
        }
    }

    // False if the file cannot be read on.
    bool read_segment() {
        uint16_t length = reader_.u16(at_);
        if (!reader_.has(at_, length < 2 ? 2 : length)) {
            header_.damage = format_text("is truncated in a segment after %zu bytes", reader_.size());
            return false;
        }
        if (length < 2) {
            header_.damage = format_text("is damaged: segment without a length at offset %zu", at_ - 2);
            return false;
        }
        if (is_frame(marker_) && !header_.width) read_frame_header(length);
        if (marker_ == kSOS) header_.scans++;
        if (marker_ == kAPP1 && !seen_exif_ && reader_.matches(at_ + 2, "Exif\0", 5)) {
            seen_exif_ = true;
            header_.orientation = exif_orientation(reader_.slice(at_ + 2, length - 2));
        }
        at_ += length;
        return true;
    }

    void read_frame_header(uint16_t length) {
        int precision = reader_.u8(at_ + 2), components = reader_.u8(at_ + 7);
        header_.height = reader_.u16(at_ + 3);
        header_.width = reader_.u16(at_ + 5);
        if (length < 8 + 3 * components) header_.damage = "is damaged: frame header is too short";
        if (header_.height == 0) header_.damage = "header gives no height";
        if (precision != 8) header_.unsupported = format_text("JPEG images of %d bits", precision);
        if (components != 1 && components != 3 && components != 4)
            header_.unsupported = format_text("JPEG images of %d components", components);
        // Baseline, extended sequential and progressive, with Huffman or arithmetic coding.
        bool decodable = marker_ <= 0xc2 || marker_ == 0xc9 || marker_ == 0xca;
        if (!decodable) header_.unsupported = "lossless and hierarchical JPEG images";
    }

    ImageHeader finish() {
        if (!header_.width) header_.damage = "has no frame header";
        if (!header_.scans) header_.damage = "has no scan data";
        return header_;
    }

    Bytes image_;
    ByteReader reader_;
    ImageHeader header_;
    size_t at_ = 2;
    uint8_t marker_ = 0;
    bool seen_exif_ = false;
};

}  // namespace

ImageHeader read_jpeg_header(Bytes image) {
    return JpegWalk(image).run();
}

}  // namespace imagehash::vision
