// Runs libpng over a Job.
//
// libpng reports errors by longjmp. Between setjmp and the end of run() no frame of ours may hold an object
// with a destructor; what outlives the jump lies in Job.
#include "vision/codec/decode_png.h"

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <string>
#include <vector>

#include <png.h>
#include <zlib.h>

#include "base/status.h"
#include "vision/codec/byte_reader.h"
#include "vision/codec/decode_patch.h"

namespace imagehash::vision {

namespace {

// Bytes of pixel data that libpng may read after the last row.
constexpr size_t kMaxExcess = 1 << 16;

struct Job {
    png_structp png;
    png_infop info;
    jmp_buf end;
    StopFlag stop;
    bool stopped;
    bool other_size;
    char message[160];

    Bytes image;
    size_t at;     // offset that libpng has read to
    size_t limit;  // offset that it may read to
    int64_t width, height;
    cv::Mat *pixels;  // allocated before a row is read
};

void on_error(png_structp png, png_const_charp message) {
    Job *job = static_cast<Job *>(png_get_error_ptr(png));
    strncpy(job->message, message, sizeof(job->message) - 1);
    longjmp(job->end, 1);
}

// Warnings leave the pixels as they are.
void on_warning(png_structp, png_const_charp) {}

void stop_if_asked(Job *job) {
    if (!job->stop || !job->stop()) return;
    job->stopped = true;
    longjmp(job->end, 1);
}

void read_bytes(png_structp png, png_bytep to, size_t size) {
    Job *job = static_cast<Job *>(png_get_io_ptr(png));
    if (size > job->image.size - job->at) png_error(png, "the file ends early");
    memcpy(to, job->image.data + job->at, size);
    job->at += size;
    if (job->at > job->limit) png_error(png, "more pixel data than pixels");
    stop_if_asked(job);
}

// Gray, BGR or BGRA; samples of 16 bits in the byte order of this machine.
void set_output_format(png_structp png, png_infop info) {
    int color = png_get_color_type(png, info), depth = png_get_bit_depth(png, info);
    bool transparent = png_get_valid(png, info, PNG_INFO_tRNS);
    if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (color == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png);
    if (transparent) png_set_tRNS_to_alpha(png);
    if (color == PNG_COLOR_TYPE_GRAY_ALPHA || (color == PNG_COLOR_TYPE_GRAY && transparent))
        png_set_gray_to_rgb(png);
    png_set_bgr(png);
    if (depth == 16 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) png_set_swap(png);
}

// False if memory is short. A function of its own, because OpenCV throws.
bool allocate(Job *job) noexcept {
    try {
        int depth = png_get_bit_depth(job->png, job->info) == 16 ? CV_16U : CV_8U;
        job->pixels->create(static_cast<int>(job->height), static_cast<int>(job->width),
                            CV_MAKETYPE(depth, png_get_channels(job->png, job->info)));
        return job->pixels->step[0] >= png_get_rowbytes(job->png, job->info);
    } catch (...) {
        return false;
    }
}

void read_rows(Job *job) {
    png_structp png = job->png;
    png_set_read_fn(png, job, read_bytes);
    png_set_user_limits(png, 0x7fffffff, 0x7fffffff);  // ours have been checked
    png_read_info(png, job->info);
    if (png_get_image_width(png, job->info) != job->width ||
        png_get_image_height(png, job->info) != job->height) {
        job->other_size = true;
        return;
    }
    set_output_format(png, job->info);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, job->info);
    if (!allocate(job)) png_error(png, "out of memory");
    for (int pass = 0; pass < passes; pass++)
        for (int64_t y = 0; y < job->height; y++) {
            stop_if_asked(job);
            // After the last row libpng unpacks what is left of the data, which may be gigabytes.
            if (pass == passes - 1 && y == job->height - 1)
                job->limit = job->at + 2 * png_get_rowbytes(png, job->info) + kMaxExcess;
            png_read_row(png, job->pixels->data + static_cast<size_t>(y) * job->pixels->step[0], nullptr);
        }
    // Not png_read_end(): nothing after the pixels is of use.
}

void run(Job *job) {
    job->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, job, on_error, on_warning);
    job->info = job->png ? png_create_info_struct(job->png) : nullptr;
    if (!job->info)
        strcpy(job->message, "out of memory");
    else if (setjmp(job->end) == 0)
        read_rows(job);
    png_destroy_read_struct(&job->png, &job->info, nullptr);
}

// Checks the CRC of the pixel data, which libpng does only when it reads on. The header reader has checked
// that all chunks lie in the file.
void check_crc_of_pixels(Bytes image, StopFlag stop) {
    constexpr uint64_t kPiece = 1 << 20;
    ByteReader reader(image);
    for (uint64_t at = 8; reader.has(at, 12) && !reader.matches(at + 4, "IEND", 4);) {
        uint64_t begin = at + 4, end = begin + 4 + reader.u32(at);
        uLong sum = crc32(0, nullptr, 0);
        for (; begin < end; begin += kPiece) {
            Bytes piece = reader.slice(begin, std::min(kPiece, end - begin));
            sum = crc32(sum, piece.data, static_cast<uInt>(piece.size));
            if (stop && stop()) throw Error(ErrorKind::cancelled, "decoding was cancelled");
        }
        if (reader.matches(at + 4, "IDAT", 4) && sum != reader.u32(end))
            throw Error(ErrorKind::bad_image, "PNG image cannot be decoded: IDAT: CRC error");
        at = end + 4;
    }
}

}  // namespace

cv::Mat decode_png(Bytes image, const ImageHeader &header, StopFlag stop) {
    std::vector<uint8_t> copy = patched_copy(image, header);
    if (!copy.empty()) image = Bytes{copy.data(), copy.size()};
    check_crc_of_pixels(image, stop);
    cv::Mat pixels;
    Job job = {};
    job.stop = stop;
    job.image = image;
    job.limit = image.size;
    job.width = header.width;
    job.height = header.height;
    job.pixels = &pixels;
    run(&job);
    if (job.stopped) throw Error(ErrorKind::cancelled, "decoding was cancelled");
    if (job.other_size) throw Error(ErrorKind::bad_image, "image is not of the size that its header gives");
    std::string message = job.message;
    if (message.find("emory") != std::string::npos)
        throw Error(ErrorKind::out_of_memory, "out of memory while decoding a PNG image");
    if (!message.empty()) throw Error(ErrorKind::bad_image, "PNG image cannot be decoded: " + message);
    return pixels;
}

}  // namespace imagehash::vision
