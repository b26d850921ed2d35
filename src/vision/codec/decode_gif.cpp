// LZW as in "Graphics Interchange Format, version 89a", CompuServe 1990, appendix F. Must not read beyond the
// first frame: an animation's other frames cost nothing.
#include "vision/codec/decode_gif.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "vision/codec/byte_reader.h"

namespace imagehash::vision {

namespace {

constexpr int kMaxCodes = 4096;

[[noreturn]] void throw_bad_image(const std::string &what) {
    throw Error(ErrorKind::bad_image, "GIF image is " + what);
}

// Reads LZW codes of a growing number of bits from a chain of sub-blocks, lowest bit first.
class CodeReader {
 public:
    CodeReader(ByteReader reader, size_t at) : reader_(reader), at_(at) {}

    // -1 at the end of the data.
    int next(int bits) {
        while (have_ < bits) {
            if (left_ == 0) {
                left_ = reader_.u8(at_++);
                if (left_ == 0) return -1;
            }
            buffer_ |= static_cast<uint32_t>(reader_.u8(at_++)) << have_;
            left_--;
            have_ += 8;
        }
        int code = static_cast<int>(buffer_ & ((1u << bits) - 1));
        buffer_ >>= bits;
        have_ -= bits;
        return code;
    }

 private:
    ByteReader reader_;
    size_t at_;
    int left_ = 0;
    uint32_t buffer_ = 0;
    int have_ = 0;
};

// The frame's pixels as palette indices, in the order of the file.
std::vector<uint8_t> unpack(const ByteReader &reader, const Frame &frame, StopFlag stop) {
    int root = reader.u8(frame.begin);
    if (root < 1 || root > 8) throw_bad_image("damaged: codes of " + std::to_string(root) + " bits");
    size_t wanted = static_cast<size_t>(frame.width) * frame.height;
    std::vector<uint8_t> pixels;
    pixels.reserve(wanted + kMaxCodes);

    // A code stands for pixels that were decoded before: where they begin, and how many they are.
    struct Entry {
        size_t begin;
        int length;
    };
    std::array<Entry, kMaxCodes> table;
    const int clear = 1 << root, end = clear + 1;
    int bits = root + 1, count = end + 1, before = -1;
    Entry previous = {};
    CodeReader codes(reader, frame.begin + 1);
    for (uint32_t step = 1; pixels.size() < wanted; step++) {
        if (step % 16384 == 0 && stop && stop()) throw Error(ErrorKind::cancelled, "decoding was cancelled");
        int code = codes.next(bits);
        if (code < 0 || code == end)
            throw_bad_image("truncated: " + std::to_string(pixels.size()) + " of " + std::to_string(wanted) +
                            " pixels");
        if (code == clear) {
            bits = root + 1;
            count = end + 1;
            before = -1;
            continue;
        }
        if (code >= (before < 0 ? clear : count + (count < kMaxCodes)))
            throw_bad_image("damaged: impossible code");
        // The new entry is the previous code's pixels and the pixel that follows them. They lie in `pixels`
        // one after the other as soon as this code's first pixel is written.
        if (before >= 0 && count < kMaxCodes) table[count++] = {previous.begin, previous.length + 1};
        size_t begin = pixels.size();
        int length = 1;
        if (code < clear) {
            pixels.push_back(static_cast<uint8_t>(code));
        } else {
            length = table[code].length;
            for (int i = 0; i < length; i++) pixels.push_back(pixels[table[code].begin + i]);
        }
        previous = {begin, length};
        before = code;
        if (count == 1 << bits && bits < 12) bits++;
    }
    pixels.resize(wanted);
    return pixels;
}

// For each row of the file its row in the frame.
std::vector<int> order_of_rows(int height, bool interlaced) {
    std::vector<int> rows;
    rows.reserve(height);
    if (!interlaced)
        for (int y = 0; y < height; y++) rows.push_back(y);
    else
        for (auto [first, step] : {std::pair(0, 8), std::pair(4, 8), std::pair(2, 4), std::pair(1, 2)})
            for (int y = first; y < height; y += step) rows.push_back(y);
    return rows;
}

}  // namespace

cv::Mat decode_gif(Bytes image, const ImageHeader &header, StopFlag stop) {
    const Frame &frame = header.frame;
    ByteReader reader(image, false);
    std::vector<uint8_t> pixels = unpack(reader, frame, stop);
    const cv::Vec3b kWhite(255, 255, 255);
    std::array<cv::Vec3b, 256> palette;
    for (int i = 0; i < 256; i++) {
        size_t at = frame.palette + 3 * static_cast<size_t>(i);
        palette[i] = i >= frame.colors || i == frame.transparent
                         ? kWhite
                         : cv::Vec3b(reader.u8(at + 2), reader.u8(at + 1), reader.u8(at));
    }
    cv::Mat canvas(static_cast<int>(header.height), static_cast<int>(header.width), CV_8UC3,
                   cv::Scalar::all(255));
    const uint8_t *from = pixels.data();
    for (int y : order_of_rows(frame.height, frame.interlaced)) {
        auto *to = canvas.ptr<cv::Vec3b>(frame.y + y) + frame.x;
        for (int x = 0; x < frame.width; x++) to[x] = palette[*from++];
    }
    return canvas;
}

}  // namespace imagehash::vision
