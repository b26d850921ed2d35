// Gives libwebp's incremental decoder a file in pieces, and asks the stop flag between them.
#include "vision/codec/decode_webp.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include <webp/decode.h>

#include "base/status.h"

namespace imagehash::vision {

namespace {

// The decoder of lossless pictures repeats up to 8 rows for each piece, so pieces grow with the file.
constexpr size_t kMinPiece = 1 << 16, kPieces = 64;
constexpr size_t kHeaderRoom = 1 << 10;  // nearly every file has its pixels within so many bytes

using Decoder = std::unique_ptr<WebPIDecoder, decltype(&WebPIDelete)>;

void append(std::vector<uint8_t> &to, Bytes from) {
    to.insert(to.end(), from.data, from.data + from.size);
}

void append_text(std::vector<uint8_t> &to, const char *text) {
    to.insert(to.end(), text, text + strlen(text));
}

void append_little_endian(std::vector<uint8_t> &to, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++) to.push_back(static_cast<uint8_t>(value >> 8 * i));
}

// The first frame of an animation as a file of its own: the decoders of libwebp read no animation.
std::vector<uint8_t> first_frame_as_file(Bytes image, const ImageHeader &header) {
    const Frame &frame = header.frame;
    constexpr uint32_t kHeader = 4 + 8 + 10;
    uint32_t size = static_cast<uint32_t>(frame.end - frame.begin);
    std::vector<uint8_t> file;
    append_text(file, "RIFF");
    append_little_endian(file, kHeader + size, 4);
    append_text(file, "WEBPVP8X");
    append_little_endian(file, 10, 4);
    append_little_endian(file, header.alpha != Alpha::none ? 0x10 : 0, 4);
    append_little_endian(file, static_cast<uint32_t>(frame.width - 1), 3);
    append_little_endian(file, static_cast<uint32_t>(frame.height - 1), 3);
    append(file, Bytes{image.data + frame.begin, size});
    return file;
}

void throw_unless_ok(VP8StatusCode status) {
    if (status == VP8_STATUS_OK) return;
    if (status == VP8_STATUS_OUT_OF_MEMORY)
        throw Error(ErrorKind::out_of_memory, "out of memory while decoding a WebP image");
    bool ended = status == VP8_STATUS_SUSPENDED || status == VP8_STATUS_NOT_ENOUGH_DATA;
    throw Error(ErrorKind::bad_image, ended ? "WebP image cannot be decoded: its data end too early"
                                            : "WebP image cannot be decoded: its data are damaged");
}

void stop_if_asked(StopFlag stop) {
    if (stop && stop()) throw Error(ErrorKind::cancelled, "decoding was cancelled");
}

// Writes into `pixels`, BGR or BGRA.
Decoder new_decoder(cv::Mat &pixels) {
    size_t step = pixels.step[0];
    Decoder decoder(WebPINewRGB(pixels.channels() == 4 ? MODE_BGRA : MODE_BGR, pixels.data,
                                step * static_cast<size_t>(pixels.rows), static_cast<int>(step)),
                    WebPIDelete);
    if (!decoder) throw std::bad_alloc();
    return decoder;
}

bool has_rows(const Decoder &decoder) {
    int rows = 0;
    return WebPIDecGetRGB(decoder.get(), &rows, nullptr, nullptr, nullptr) && rows > 0;
}

// libwebp begins to decode a lossless picture only when it has 1/8 of it. Everything before the pixels must
// be complete then; libwebp may take a part of it for damage, or worse. So until there are rows, a new
// decoder gets twice as much.
void decode_pieces(Bytes file, bool lossless, cv::Mat &pixels, StopFlag stop) {
    Decoder decoder = new_decoder(pixels);
    size_t piece = std::max(kMinPiece, file.size / kPieces), given = 0;
    size_t first = lossless ? std::max(kMinPiece, file.size / 8 + kHeaderRoom) : piece;
    bool without_rows = lossless;
    VP8StatusCode status = VP8_STATUS_SUSPENDED;
    while (given < file.size && (without_rows || status == VP8_STATUS_SUSPENDED)) {
        stop_if_asked(stop);
        if (without_rows && given > 0) decoder = new_decoder(pixels);
        size_t more = given == 0 ? first : without_rows ? given : piece;
        given += std::min(more, file.size - given);
        status = WebPIUpdate(decoder.get(), file.data, given);
        without_rows = without_rows && !has_rows(decoder);
    }
    throw_unless_ok(status);
    stop_if_asked(stop);  // before alpha is composed
}

}  // namespace

cv::Mat decode_webp(Bytes image, const ImageHeader &header, StopFlag stop) {
    std::vector<uint8_t> still;
    if (header.frame.end) {
        still = first_frame_as_file(image, header);
        image = Bytes{still.data(), still.size()};
    }
    WebPBitstreamFeatures features;
    throw_unless_ok(WebPGetFeatures(image.data, image.size, &features));
    if (features.width != (header.frame.end ? header.frame.width : header.width) ||
        features.height != (header.frame.end ? header.frame.height : header.height))
        throw Error(ErrorKind::bad_image, "image is not of the size that its header gives");

    bool alpha = header.alpha != Alpha::none;
    cv::Mat pixels(features.height, features.width, alpha ? CV_8UC4 : CV_8UC3);
    constexpr int kLossless = 2;
    decode_pieces(image, features.format == kLossless, pixels, stop);
    return pixels;
}

}  // namespace imagehash::vision
