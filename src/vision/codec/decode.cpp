// Checks the header, calls the decoder of the format, and converts what it returns. TIFF and BMP are decoded
// by OpenCV here; what it and libtiff would print, log or hand to handlers of others in the process is
// caught.
#include "vision/codec/decode.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <new>
#include <string>
#include <vector>

#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "base/find_function.h"
#include "vision/codec/captured_stderr.h"
#include "vision/codec/decode_gif.h"
#include "vision/codec/decode_jpeg.h"
#include "vision/codec/decode_patch.h"
#include "vision/codec/decode_png.h"
#include "vision/codec/decode_webp.h"
#include "vision/codec/image_header.h"

namespace imagehash::vision {

namespace {

constexpr int64_t kMaxSide = 1 << 20;  // of OpenCV; beyond it OpenCV reports an internal error

// The first error of libtiff since the handlers were set, or "". OpenCV ignores most errors and returns the
// half-decoded strip.
char tiff_error[256];

void record_tiff_error(const char *, const char *format, va_list args) {
    if (tiff_error[0] == '\0') vsnprintf(tiff_error, sizeof(tiff_error), format, args);
}

// The bytes as the row of a matrix, which is how imdecode() wants them; not a copy.
cv::Mat as_row(Bytes image) {
    return cv::Mat(1, static_cast<int>(image.size), CV_8UC1, const_cast<uint8_t *>(image.data));
}

// Replaces one of libtiff's process-wide handlers for as long as it lives. `set` is null if the process has
// no libtiff of its own.
template <class... Args>
class TiffHandler {
 public:
    using Handler = void (*)(Args...);
    using Setter = Handler(Handler);
    TiffHandler(Setter *set, Handler handler) : set_(set) {
        if (set_) previous_ = set_(handler);
    }
    ~TiffHandler() {
        if (set_) set_(previous_);
    }
    TiffHandler(const TiffHandler &) = delete;
    TiffHandler &operator=(const TiffHandler &) = delete;

 private:
    Setter *set_;
    Handler previous_ = nullptr;
};

// Records libtiff's errors and drops its warnings while an image is decoded. The previous handlers belong to
// others in this process (GDAL has some) and may call ereport(), whose longjmp must not cross our frames.
class TiffHandlers {
 public:
    TiffHandlers() { tiff_error[0] = '\0'; }

 private:
    using Plain = TiffHandler<const char *, const char *, va_list>;
    using Extended = TiffHandler<void *, const char *, const char *, va_list>;

    // Found by name: libtiff is a dependency of OpenCV, not ours, and may be built into OpenCV.
    struct Setters {
        Plain::Setter *error = find_function<Plain::Setter>("TIFFSetErrorHandler");
        Plain::Setter *warning = find_function<Plain::Setter>("TIFFSetWarningHandler");
        Extended::Setter *error_ext = find_function<Extended::Setter>("TIFFSetErrorHandlerExt");
        Extended::Setter *warning_ext = find_function<Extended::Setter>("TIFFSetWarningHandlerExt");
    };
    static const Setters &setters() {
        static const Setters found;
        return found;
    }

    Plain error_{setters().error, record_tiff_error};
    Plain warning_{setters().warning, nullptr};
    Extended error_ext_{setters().error_ext, nullptr};
    Extended warning_ext_{setters().warning_ext, nullptr};
};

// Silences OpenCV, once in a process. True if libtiff's errors reach us; a TIFF whose directory lies beyond
// its end shows it. It is decoded twice, because OpenCV replaces the handlers with silent ones when it first
// sees a TIFF.
bool prepare_opencv() {
    static const bool sees_tiff_errors = [] {
        cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
        CapturedStderr captured;
        static const uint8_t kBrokenTiff[] = {'I', 'I', '*', 0, 0xff, 0, 0, 0};
        bool seen = false;
        for (int i = 0; i < 2; i++) {
            TiffHandlers handlers;
            cv::imdecode(as_row(Bytes{kBrokenTiff, sizeof(kBrokenTiff)}), cv::IMREAD_UNCHANGED);
            seen = tiff_error[0] != '\0';
        }
        return seen;
    }();
    return sees_tiff_errors;
}

// Limits the work of a progressive JPEG: each scan is a pass over all coefficients. Real files have about ten
// scans.
void check_scan_count(const ImageHeader &header, const Limits &limits) {
    constexpr int kMaxScans = 100, kFullSizeScans = 10;
    if (header.scans <= kMaxScans && header.scans * header.pixels() / kFullSizeScans <= limits.max_pixels)
        return;
    char message[160];
    snprintf(message, sizeof(message), "JPEG image of %lld pixels has %d scans, more than the limit of %lld",
             static_cast<long long>(header.pixels()), header.scans,
             static_cast<long long>(
                 std::min<int64_t>(kMaxScans, limits.max_pixels * kFullSizeScans / header.pixels())));
    throw Error(ErrorKind::too_large, message,
                "Pixels times scans may be ten times the setting imagehash.max_pixels, and scans 100");
}

// Throws if the image is too large, not supported, or known to be damaged.
void check_header(const ImageHeader &header, const Limits &limits, bool sees_tiff_errors) {
    const char *name = format_display_name(header.format);
    if (header.pixels() > limits.max_pixels) {
        char message[160];
        snprintf(message, sizeof(message), "image has %lld pixels, more than the limit of %lld",
                 static_cast<long long>(header.pixels()), static_cast<long long>(limits.max_pixels));
        throw Error(ErrorKind::too_large, message, "The limit is the setting imagehash.max_pixels");
    }
    if (header.format == ImageFormat::jpeg) check_scan_count(header, limits);
    if (header.width > kMaxSide || header.height > kMaxSide)
        throw Error(ErrorKind::too_large, "image has a side of more than 1048576 pixels");
    if (!header.unsupported.empty())
        throw Error(ErrorKind::unsupported, header.unsupported + " are not supported");
    if (header.format == ImageFormat::tiff && !sees_tiff_errors)
        throw Error(ErrorKind::unsupported,
                    "TIFF images are not supported: OpenCV " CV_VERSION " hides the errors of libtiff");
    if (!header.damage.empty())
        throw Error(ErrorKind::bad_image, std::string(name) + " image " + header.damage);
}

// The scale of a JPEG is 1/scale_factor.
int scale_factor(const ImageHeader &header, int min_short_side) {
    if (min_short_side <= 0) return 1;
    int64_t short_side = std::min(header.width, header.height);
    for (int factor : {8, 4, 2})
        if (short_side / factor >= min_short_side) return factor;
    return 1;
}

int read_flags(const ImageHeader &header) {
    // IMREAD_UNCHANGED keeps alpha and depth, and does not apply the orientation; but it makes some palette
    // BMPs gray.
    if ((header.format == ImageFormat::bmp && header.alpha == Alpha::none) || header.as_color)
        return cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION;
    return cv::IMREAD_UNCHANGED;
}

// The first line of what a library printed. OpenCV prints "where: error: (code:name) what in function
// 'which'": of this only what.
std::string first_reason(const std::string &printed) {
    std::string line = printed.substr(0, printed.find('\n'));
    size_t error = line.find(": error: (");
    if (error == std::string::npos) return line;
    size_t begin = line.find(") ", error);
    size_t end = line.rfind(" in function ");
    if (begin == std::string::npos || end == std::string::npos || end < begin) return line;
    return line.substr(begin + 2, end - begin - 2);
}

// True if decoding failed for lack of memory. imdecode() catches every exception; if it printed no reason,
// this function tries to allocate the memory: three bytes for each pixel.
bool ran_out_of_memory(const ImageHeader &header, const std::string &reason) {
    for (const char *text :
         {"Insufficient memory", "Failed to allocate", "Out of memory", "out of memory", "bad_alloc"})
        if (reason.find(text) != std::string::npos) return true;
    if (!reason.empty() && reason.find("unknown exception") == std::string::npos) return false;
    auto needed = static_cast<size_t>(header.pixels()) * 3;
    void *memory = ::operator new(needed, std::nothrow);
    ::operator delete(memory);
    return memory == nullptr;
}

[[noreturn]] void throw_failure(const ImageHeader &header, const std::string &printed) {
    std::string name = format_display_name(header.format);
    std::string message = name + " image cannot be decoded";
    std::string reason = first_reason(printed);
    if (ran_out_of_memory(header, reason))
        throw Error(ErrorKind::out_of_memory, "out of memory while decoding a " + name + " image");
    throw Error(ErrorKind::bad_image, reason.empty() ? message : message + ": " + reason);
}

cv::Mat decode_with_opencv(Bytes image, const ImageHeader &header) {
    std::vector<uint8_t> copy = patched_copy(image, header);
    if (!copy.empty()) image = Bytes{copy.data(), copy.size()};
    CapturedStderr captured;
    TiffHandlers handlers;
    cv::Mat pixels = cv::imdecode(as_row(image), read_flags(header));
    std::string printed = tiff_error[0] ? tiff_error : captured.text();
    bool incomplete = header.format == ImageFormat::tiff && tiff_error[0] != '\0';
    if (pixels.empty() || incomplete) throw_failure(header, printed);
    if (pixels.cols != header.width || pixels.rows != header.height)
        throw Error(ErrorKind::bad_image, "image is not of the size that its header gives");
    return pixels;
}

// Composes BGRA of type T on white, rounded to nearest.
template <class T>
void compose_on_white(const cv::Mat &from, cv::Mat &to, bool premultiplied, StopFlag stop) {
    constexpr uint32_t kFull = static_cast<T>(~T(0));
    for (int y = 0; y < from.rows; y++) {
        if (stop && stop()) throw Error(ErrorKind::cancelled, "decoding was cancelled");
        const T *in = from.ptr<T>(y);
        T *out = to.ptr<T>(y);
        for (int x = 0; x < from.cols; x++, in += 4, out += 3) {
            uint32_t alpha = in[3], white = kFull - alpha;
            for (int c = 0; c < 3; c++) {
                uint64_t value = premultiplied ? static_cast<uint64_t>(in[c]) + white
                                               : (static_cast<uint64_t>(in[c]) * alpha +
                                                  static_cast<uint64_t>(kFull) * white + kFull / 2) /
                                                     kFull;
                out[c] = static_cast<T>(value < kFull ? value : kFull);
            }
        }
    }
}

// Many programs leave the fourth byte of an opaque BMP at zero.
bool alpha_is_unused(const cv::Mat &pixels, const ImageHeader &header) {
    if (header.format != ImageFormat::bmp) return false;
    cv::Mat alpha;
    cv::extractChannel(pixels, alpha, 3);
    return cv::countNonZero(alpha) == 0;
}

cv::Mat without_alpha(const cv::Mat &pixels, Alpha alpha, StopFlag stop) {
    cv::Mat result;
    if (alpha == Alpha::none) {
        cv::cvtColor(pixels, result, cv::COLOR_BGRA2BGR);
        return result;
    }
    result.create(pixels.rows, pixels.cols, CV_MAKETYPE(pixels.depth(), 3));
    if (pixels.depth() == CV_16U)
        compose_on_white<uint16_t>(pixels, result, alpha == Alpha::premultiplied, stop);
    else
        compose_on_white<uint8_t>(pixels, result, alpha == Alpha::premultiplied, stop);
    return result;
}

// Pixels as any decoder returns them -> 8-bit BGR on white.
cv::Mat to_bgr(cv::Mat pixels, const ImageHeader &header, StopFlag stop) {
    if (pixels.depth() != CV_8U && pixels.depth() != CV_16U)
        throw Error(ErrorKind::unsupported, "images of signed or floating-point samples are not supported");
    if (pixels.channels() == 4)
        pixels = without_alpha(pixels, alpha_is_unused(pixels, header) ? Alpha::none : header.alpha, stop);
    if (pixels.depth() == CV_16U) {
        if (header.inverted) cv::bitwise_not(pixels, pixels);
        cv::Mat narrow;
        pixels.convertTo(narrow, CV_8U, 1.0 / 257);
        pixels = narrow;
    }
    if (pixels.channels() == 1) {
        cv::Mat bgr;
        cv::cvtColor(pixels, bgr, cv::COLOR_GRAY2BGR);
        pixels = bgr;
    }
    if (pixels.channels() != 3)
        throw Error(ErrorKind::unsupported, "images of two channels are not supported");
    return pixels;
}

// The first frame of an animation on its canvas, which is white.
cv::Mat on_canvas(const cv::Mat &pixels, const ImageHeader &header) {
    if (!header.frame.end) return pixels;
    cv::Mat canvas(static_cast<int>(header.height), static_cast<int>(header.width), CV_8UC3,
                   cv::Scalar::all(255));
    pixels.copyTo(canvas(cv::Rect(header.frame.x, header.frame.y, header.frame.width, header.frame.height)));
    return canvas;
}

cv::Mat stored_pixels(Bytes image, const ImageHeader &header, int min_short_side, StopFlag stop) {
    if (header.format == ImageFormat::jpeg)
        return decode_jpeg(image, header, scale_factor(header, min_short_side), stop);
    if (header.format == ImageFormat::gif) return decode_gif(image, header, stop);
    if (header.format == ImageFormat::png) return to_bgr(decode_png(image, header, stop), header, stop);
    if (header.format == ImageFormat::webp)
        return on_canvas(to_bgr(decode_webp(image, header, stop), header, stop), header);
    return to_bgr(decode_with_opencv(image, header), header, stop);
}

}  // namespace

cv::Mat apply_orientation(const cv::Mat &image, int orientation) {
    cv::Mat result;
    switch (orientation) {
        case 2:
            cv::flip(image, result, 1);
            return result;
        case 3:
            cv::flip(image, result, -1);
            return result;
        case 4:
            cv::flip(image, result, 0);
            return result;
        case 5:
            cv::transpose(image, result);
            return result;
        case 6:
            cv::rotate(image, result, cv::ROTATE_90_CLOCKWISE);
            return result;
        case 7:
            cv::transpose(image, result);
            cv::flip(result, result, -1);
            return result;
        case 8:
            cv::rotate(image, result, cv::ROTATE_90_COUNTERCLOCKWISE);
            return result;
    }
    return image;
}

cv::Mat decode(Bytes image, const Limits &limits, int min_short_side) {
    if (image.size > static_cast<size_t>(std::min<int64_t>(limits.max_bytes, INT32_MAX)))
        throw Error(ErrorKind::too_large,
                    "image has " + std::to_string(image.size) + " bytes, more than the limit of " +
                        std::to_string(limits.max_bytes),
                    "The limit is the setting imagehash.max_bytes");
    bool sees_tiff_errors = prepare_opencv();
    ImageHeader header = read_header(image);
    check_header(header, limits, sees_tiff_errors);
    return apply_orientation(stored_pixels(image, header, min_short_side, limits.stop), header.orientation);
}

}  // namespace imagehash::vision
