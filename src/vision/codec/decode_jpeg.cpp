// See decode_jpeg.h.
//
// libjpeg reports errors by longjmp: between setjmp and the end of run() no frame of ours holds an object
// with a destructor, and what outlives the jump lies in Job.
#include "vision/codec/decode_jpeg.h"

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <string>

#include "vision/codec/jpeg_parts.h"

extern "C" {
#include <jpeglib.h>
// After jpeglib.h, which it needs.
#include <jerror.h>
}

namespace imagehash::vision {

namespace {

// Where a filter's tables are made in less time than it saves.
constexpr int64_t kFilterPixels = 1 << 18;

// Other libraries than libjpeg-turbo round some colors otherwise (IJG's from version 9).
#ifdef LIBJPEG_TURBO_VERSION
constexpr bool kColorsAreKnown = true;
#else
constexpr bool kColorsAreKnown = false;
#endif

enum class Outcome { done, in_parts, failed, out_of_memory, stopped, other_size };

// A JPEG that was not decoded as it is.
struct Parts {
    FilteredScan scan;
    bool grey = false;
    int repeat = 1, repeat_rows = 1;  // pixels for which a sample of chroma stands
    int rest_factor = 0;              // by which the rest is to be reduced; 0: there is none
    FilteredScans scans;
};

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
    bool raw;      // two samples a pixel, as they are
    Parts *parts;  // null: libjpeg shall do everything
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

// The size in pixels of what a block becomes.
int scaled_size(const jpeg_component_info &component) {
#if JPEG_LIB_VERSION >= 70
    return component.DCT_h_scaled_size == component.DCT_v_scaled_size ? component.DCT_h_scaled_size : 0;
#else
    return component.DCT_scaled_size;
#endif
}

JpegCodes codes_of(JHUFF_TBL *const tables[NUM_HUFF_TBLS], int place) {
    const JHUFF_TBL *table = place >= 0 && place < NUM_HUFF_TBLS ? tables[place] : nullptr;
    return table ? JpegCodes{table->bits, table->huffval} : JpegCodes{};
}

// The first scan, of a decode at an eighth; false if it has not all components, in their order.
bool describe(jpeg_decompress_struct *jpeg, JpegScan *scan) {
    if (jpeg->arith_code || jpeg->data_precision != 8 || jpeg->comps_in_scan != jpeg->num_components)
        return false;
    jpeg_calc_output_dimensions(jpeg);
    bool one = jpeg->comps_in_scan == 1;
    for (int c = 0; c < jpeg->comps_in_scan; c++) {
        const jpeg_component_info &component = *jpeg->cur_comp_info[c];
        int place = component.quant_tbl_no;
        const JQUANT_TBL *quanta =
            place >= 0 && place < NUM_QUANT_TBLS ? jpeg->quant_tbl_ptrs[place] : nullptr;
        if (component.component_index != c || !quanta) return false;
        scan->component[c] = {component.component_id,
                              one ? 1 : component.h_samp_factor,
                              one ? 1 : component.v_samp_factor,
                              scaled_size(component) == 1,
                              quanta->quantval,
                              codes_of(jpeg->dc_huff_tbl_ptrs, component.dc_tbl_no),
                              codes_of(jpeg->ac_huff_tbl_ptrs, component.ac_tbl_no)};
    }
    scan->components = jpeg->comps_in_scan;
    int64_t width = 8 * (one ? 1 : jpeg->max_h_samp_factor), height = 8 * (one ? 1 : jpeg->max_v_samp_factor);
    scan->units_a_row = (jpeg->image_width + width - 1) / width;
    scan->rows = (jpeg->image_height + height - 1) / height;
    scan->restart_interval = jpeg->restart_interval;
    return true;
}

// True if pixels can be put together from planes: grey, or YCbCr with chroma as large as luma after scaling,
// or of means that stand for several pixels.
bool has_planes(const jpeg_decompress_struct *jpeg, const JpegScan &scan, Parts *parts) {
    if (!scan.component[0].mean_only) return false;
    if (scan.components == 1) return jpeg->jpeg_color_space == JCS_GRAYSCALE;
    if (!kColorsAreKnown || scan.components != 3 || jpeg->jpeg_color_space != JCS_YCbCr) return false;
    const JpegComponent &y = scan.component[0], &cb = scan.component[1], &cr = scan.component[2];
    if (y.across != jpeg->max_h_samp_factor || y.down != jpeg->max_v_samp_factor || cb.across != cr.across ||
        cb.down != cr.down || cb.mean_only != cr.mean_only)
        return false;
    if (cb.mean_only) {
        parts->repeat = y.across / cb.across;
        parts->repeat_rows = y.down / cb.down;
        return y.across % cb.across == 0 && y.down % cb.down == 0;
    }
    int size = scaled_size(*jpeg->cur_comp_info[1]);
    parts->rest_factor = size == 2 ? 4 : 2;
    return (size == 2 || size == 4) && size == scaled_size(*jpeg->cur_comp_info[2]) && cb.across == 1 &&
           cb.down == 1 && y.across == size && y.down == size;
}

FilterOutcome filter_sequential(Job *job, Bytes data, const JpegScan &scan) {
    jpeg_decompress_struct *jpeg = &job->jpeg;
    Parts *parts = job->parts;
    if (jpeg->Ss != 0 || jpeg->Se != DCTSIZE2 - 1 || jpeg->Ah != 0 || jpeg->Al != 0 ||
        static_cast<int>(jpeg->output_width) != job->width ||
        static_cast<int>(jpeg->output_height) != job->height || !has_planes(jpeg, scan, parts))
        return FilterOutcome::unchanged;
    for (int c = 0; c < scan.components; c++)
        if (!scan.component[c].mean_codes.symbols || !scan.component[c].other_codes.symbols)
            return FilterOutcome::unchanged;
    uint8_t header[kMaxRestHeader];
    size_t size = 0;
    if (parts->rest_factor) {
        auto samples = [&](int64_t pixels) {
            return (pixels + scan.component[0].across - 1) / scan.component[0].across;
        };
        size = write_rest_header(scan, samples(jpeg->image_width), samples(jpeg->image_height), header);
    }
    parts->scan = filter_scan(data, scan, size, job->stop);
    parts->grey = scan.components == 1;
    if (parts->scan.rest) memcpy(parts->scan.rest.get(), header, size);
    return parts->scan.outcome;
}

// Does without most of what follows the header, which libjpeg has read. No jump may cross this.
FilterOutcome filter(Job *job) {
    jpeg_decompress_struct *jpeg = &job->jpeg;
    jpeg_source_mgr *source = jpeg->src;
    JpegScan scan;
    if (!describe(jpeg, &scan)) return FilterOutcome::unchanged;
    Bytes data{source->next_input_byte, source->bytes_in_buffer};
    if (!jpeg->progressive_mode) return filter_sequential(job, data, scan);
    if (jpeg->Ss != 0 || jpeg->Se != 0 || jpeg->Ah != 0) return FilterOutcome::unchanged;
    FilteredScans &scans = job->parts->scans;
    scans = filter_scans(data, scan, jpeg->Al, job->stop);
    if (scans.outcome == FilterOutcome::thinner) {
        source->next_input_byte = scans.data.get();
        source->bytes_in_buffer = scans.size;
        // Of an image that is complete libjpeg smooths nothing; of one with scans left out it would.
        jpeg->do_block_smoothing = FALSE;
    }
    return scans.outcome;
}

// False if there are parts, and nothing else to do.
bool start(Job *job) {
    jpeg_decompress_struct *jpeg = &job->jpeg;
    jpeg_mem_src(jpeg, const_cast<unsigned char *>(job->image.data),
                 static_cast<unsigned long>(job->image.size));
    jpeg_read_header(jpeg, TRUE);
    jpeg->scale_num = 1;
    jpeg->scale_denom = static_cast<unsigned>(job->factor);
    if (jpeg->num_components == 4)
        jpeg->out_color_space = JCS_CMYK;
    else if (job->raw)
        jpeg->out_color_space = JCS_UNKNOWN;
    else
#ifdef JCS_EXTENSIONS
        jpeg->out_color_space = JCS_EXT_BGR;
#else
        jpeg->out_color_space = JCS_RGB;
#endif
    if (job->parts && job->factor == 8) {
        FilterOutcome outcome = filter(job);
        if (outcome == FilterOutcome::stopped) leave(reinterpret_cast<j_common_ptr>(jpeg), Outcome::stopped);
        if (outcome == FilterOutcome::thinner && !jpeg->progressive_mode) return false;
    }
    jpeg_start_decompress(jpeg);
    return true;
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
        if (!start(job)) {
            job->outcome = Outcome::in_parts;
        } else if (static_cast<int>(jpeg->output_width) == job->width &&
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

Job job_for(Bytes image, int factor, cv::Mat &pixels, StopFlag stop) {
    Job job = {};
    job.image = image;
    job.factor = factor;
    job.stop = stop;
    job.rows = pixels.data;
    job.stride = pixels.step;
    job.width = pixels.cols;
    job.height = pixels.rows;
    return job;
}

// False if libjpeg will not have the rest, of which everything was checked.
bool put_together(const Parts &parts, cv::Mat &pixels, StopFlag stop) {
    const Plane *plane = parts.scan.plane;
    cv::Mat chroma;
    if (parts.rest_factor) {
        chroma.create(pixels.size(), CV_8UC2);
        Job job = job_for({parts.scan.rest.get(), parts.scan.rest_size}, parts.rest_factor, chroma, stop);
        job.raw = true;
        run(&job);
        if (job.outcome == Outcome::stopped) throw Error(ErrorKind::cancelled, "decoding was cancelled");
        if (job.outcome != Outcome::done) return false;
    }
    for (int row = 0; row < pixels.rows; row++) {
        const uint8_t *y = plane[0].pixels.get() + row * plane[0].width;
        uint8_t *bgr = pixels.ptr(row);
        if (parts.grey) {
            grey_to_bgr(y, pixels.cols, bgr);
        } else if (parts.rest_factor) {
            ycc_to_bgr(y, chroma.ptr(row), chroma.ptr(row) + 1, 2, 1, pixels.cols, bgr);
        } else {
            int64_t at = row / parts.repeat_rows * plane[1].width;
            ycc_to_bgr(y, plane[1].pixels.get() + at, plane[2].pixels.get() + at, 1, parts.repeat,
                       pixels.cols, bgr);
        }
    }
    return true;
}

}  // namespace

cv::Mat decode_jpeg(Bytes image, const ImageHeader &header, int factor, StopFlag stop,
                    JpegFiltering *filtering) {
    cv::Mat pixels(static_cast<int>((header.height + factor - 1) / factor),
                   static_cast<int>((header.width + factor - 1) / factor), CV_8UC3);
    JpegFiltering usual = {JpegFiltering::where_it_pays, false};
    if (!filtering) filtering = &usual;
    Parts parts;
    bool pays = filtering->wanted == JpegFiltering::always ||
                (filtering->wanted == JpegFiltering::where_it_pays && header.pixels() >= kFilterPixels);
    Job job = job_for(image, factor, pixels, stop);
    job.parts = pays ? &parts : nullptr;
    run(&job);
    filtering->used =
        parts.scan.outcome == FilterOutcome::thinner || parts.scans.outcome == FilterOutcome::thinner;
    if (job.outcome == Outcome::in_parts) {
        if (put_together(parts, pixels, stop)) return pixels;
        job = job_for(image, factor, pixels, stop);
        run(&job);
    }
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
        case Outcome::in_parts:
            break;
    }
    throw Error(ErrorKind::bad_image, std::string("JPEG image cannot be decoded: ") + job.message);
}

}  // namespace imagehash::vision
