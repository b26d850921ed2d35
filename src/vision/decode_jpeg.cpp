// See decode_jpeg.h.
//
// libjpeg reports errors by longjmp: between setjmp and the end of run() no frame of ours holds an object
// with a destructor, and what outlives the jump lies in Job.
#include "vision/decode_jpeg.h"

#include <csetjmp>
#include <cstdio>
#include <string>

extern "C" {
#include <jpeglib.h>
// After jpeglib.h, which it needs.
#include <jerror.h>
}

namespace imagehash::vision {

namespace {

enum class Outcome { done, failed, out_of_memory, stopped, other_size };

struct Job {
    jpeg_decompress_struct jpeg;
    jpeg_error_mgr errors;
    jpeg_progress_mgr progress;
    jmp_buf end;
    StopFlag stop;
    bool created;
    Outcome outcome;
    char message[JMSG_LENGTH_MAX];

    // What is decoded, and where to.
    Bytes image;
    int factor;
    uint8_t *rows;
    size_t stride;
    int width, height;
};

Job *job_of(j_common_ptr jpeg) {
    return static_cast<Job *>(jpeg->client_data);
}

[[noreturn]] void leave(j_common_ptr jpeg, Outcome outcome) {
    Job *job = job_of(jpeg);
    job->outcome = outcome;
    if (outcome == Outcome::failed) jpeg->err->format_message(jpeg, job->message);
    longjmp(job->end, 1);
}

void on_error(j_common_ptr jpeg) {
    leave(jpeg, jpeg->err->msg_code == JERR_OUT_OF_MEMORY ? Outcome::out_of_memory : Outcome::failed);
}

// Of these libjpeg only warns, and invents the pixels that it did not find. Its other warnings (stray bytes
// between segments, odd header values) leave the picture as it is.
bool invents_pixels(int warning) {
    return warning == JWRN_HIT_MARKER || warning == JWRN_JPEG_EOF || warning == JWRN_MUST_RESYNC ||
           warning == JWRN_HUFF_BAD_CODE || warning == JWRN_ARITH_BAD_CODE;
}

void on_message(j_common_ptr jpeg, int level) {
    if (level < 0 && invents_pixels(jpeg->err->msg_code)) leave(jpeg, Outcome::failed);
}

// Called for every row of blocks of every scan.
void on_progress(j_common_ptr jpeg) {
    StopFlag stop = job_of(jpeg)->stop;
    if (stop && stop()) leave(jpeg, Outcome::stopped);
}

// a * b / 255, rounded to nearest.
uint8_t product(int a, int b) {
    int sum = a * b + 128;
    return static_cast<uint8_t>((sum + (sum >> 8)) >> 8);
}

// One row of CMYK, as Pillow converts it. Adobe's programs store 255 for no ink, and say in a marker that it
// was them.
void cmyk_to_bgr(const uint8_t *cmyk, uint8_t *bgr, int width, bool inverted) {
    int flip = inverted ? 0 : 255;
    for (int x = 0; x < width; x++, cmyk += 4, bgr += 3) {
        int light = cmyk[3] ^ flip;
        for (int c = 0; c < 3; c++) bgr[2 - c] = product(cmyk[c] ^ flip, light);
    }
}

void rgb_to_bgr(uint8_t *row, int width) {
    for (int x = 0; x < width; x++, row += 3) {
        uint8_t red = row[0];
        row[0] = row[2];
        row[2] = red;
    }
}

void start(Job *job) {
    jpeg_decompress_struct *jpeg = &job->jpeg;
    jpeg_mem_src(jpeg, const_cast<unsigned char *>(job->image.data),
                 static_cast<unsigned long>(job->image.size));
    jpeg_read_header(jpeg, TRUE);
    jpeg->scale_num = 1;
    jpeg->scale_denom = static_cast<unsigned>(job->factor);
    if (jpeg->num_components == 4)
        jpeg->out_color_space = JCS_CMYK;
    else
#ifdef JCS_EXTENSIONS
        jpeg->out_color_space = JCS_EXT_BGR;
#else
        jpeg->out_color_space = JCS_RGB;
#endif
    jpeg_start_decompress(jpeg);
}

void read_rows(Job *job) {
    jpeg_decompress_struct *jpeg = &job->jpeg;
    JSAMPARRAY cmyk = nullptr;
    if (jpeg->out_color_space == JCS_CMYK)
        cmyk = (*jpeg->mem->alloc_sarray)(reinterpret_cast<j_common_ptr>(jpeg), JPOOL_IMAGE,
                                          jpeg->output_width * 4, 1);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = job->rows + jpeg->output_scanline * job->stride;
        if (jpeg_read_scanlines(jpeg, cmyk ? cmyk : &row, 1) != 1) continue;
        if (cmyk)
            cmyk_to_bgr(cmyk[0], row, job->width, jpeg->saw_Adobe_marker);
        else if (jpeg->out_color_space == JCS_RGB)
            rgb_to_bgr(row, job->width);
    }
}

void run(Job *job) {
    jpeg_decompress_struct *jpeg = &job->jpeg;
    jpeg->err = jpeg_std_error(&job->errors);
    job->errors.error_exit = on_error;
    job->errors.emit_message = on_message;
    jpeg->client_data = job;
    if (setjmp(job->end) == 0) {
        jpeg_create_decompress(jpeg);
        job->created = true;
        job->progress.progress_monitor = on_progress;
        jpeg->progress = &job->progress;
        start(job);
        if (static_cast<int>(jpeg->output_width) == job->width &&
            static_cast<int>(jpeg->output_height) == job->height) {
            read_rows(job);
            // What follows the last row counts too: a marker that came too early is told of at the end.
            jpeg_finish_decompress(jpeg);
            job->outcome = Outcome::done;
        } else {
            job->outcome = Outcome::other_size;
        }
    }
    if (job->created) jpeg_destroy_decompress(jpeg);
}

}  // namespace

cv::Mat decode_jpeg(Bytes image, const ImageHeader &header, int factor, StopFlag stop) {
    cv::Mat pixels(static_cast<int>((header.height + factor - 1) / factor),
                   static_cast<int>((header.width + factor - 1) / factor), CV_8UC3);
    Job job = {};
    job.image = image;
    job.factor = factor;
    job.stop = stop;
    job.rows = pixels.data;
    job.stride = pixels.step;
    job.width = pixels.cols;
    job.height = pixels.rows;
    run(&job);
    switch (job.outcome) {
        case Outcome::done:
            return pixels;
        case Outcome::stopped:
            throw Error(ErrorKind::cancelled, "decoding was cancelled");
        case Outcome::out_of_memory:
            throw Error(ErrorKind::out_of_memory, "out of memory while decoding a JPEG image");
        case Outcome::other_size:
            throw Error(ErrorKind::bad_image, "image is not of the size that its header gives");
        case Outcome::failed:
            break;
    }
    throw Error(ErrorKind::bad_image, std::string("JPEG image cannot be decoded: ") + job.message);
}

}  // namespace imagehash::vision
