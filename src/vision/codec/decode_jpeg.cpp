// Runs libjpeg over a Job, and at 1/8 scale the filters before it.
//
// libjpeg reports errors by longjmp. Between setjmp and the end of run() no frame of ours may hold an object
// with a destructor; what outlives the jump lies in Job.
#include "vision/codec/decode_jpeg.h"

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <string>

#include "vision/codec/jpeg_color.h"
#include "vision/codec/jpeg_dc_filter.h"
#include "vision/codec/jpeg_remainder.h"
#include "vision/codec/jpeg_scan_filter.h"

extern "C" {
#include <jpeglib.h>
// After jpeglib.h, which it needs.
#include <jerror.h>
}

namespace imagehash::vision {

namespace {

// In smaller images building the filter's tables takes longer than the filter saves.
constexpr int64_t kMinFilteredPixels = 1 << 18;

// jpeg_color.h has the colors of libjpeg-turbo; IJG's library rounds some otherwise from version 9 on.
#ifdef LIBJPEG_TURBO_VERSION
constexpr bool kHasColorsOfTurbo = true;
#else
constexpr bool kHasColorsOfTurbo = false;
#endif

enum class Outcome { done, dc_only, failed, out_of_memory, stopped, other_size };

// What the filters made of a JPEG.
struct Filtered {
    DcOnlyScan dc_only;
    bool gray = false;
    int h_expand = 1, v_expand = 1;  // columns and rows of pixels for which a sample of chroma stands
    int remainder_factor = 0;        // the remainder is decoded at 1/remainder_factor scale; 0: there is none
    NeededScans scans;
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

    Bytes image;
    int factor;
    bool raw;            // two components, not converted to a color
    Filtered *filtered;  // null: libjpeg decodes the whole file
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

// True for the warnings after which libjpeg makes up pixels that it did not find. Its other warnings (stray
// bytes between segments, odd header values) leave the picture as it is.
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
uint8_t product_of_fractions(int a, int b) {
    int sum = a * b + 128;
    return static_cast<uint8_t>((sum + (sum >> 8)) >> 8);
}

// One row of CMYK, as Pillow converts it. Adobe's programs store 255 for no ink, and add a marker of their
// own.
void cmyk_to_bgr(const uint8_t *cmyk, uint8_t *bgr, int width, bool inverted) {
    int flip = inverted ? 0 : 255;
    for (int x = 0; x < width; x++, cmyk += 4, bgr += 3) {
        int light = cmyk[3] ^ flip;
        for (int c = 0; c < 3; c++) bgr[2 - c] = product_of_fractions(cmyk[c] ^ flip, light);
    }
}

void rgb_to_bgr(uint8_t *row, int width) {
    for (int x = 0; x < width; x++, row += 3) {
        uint8_t red = row[0];
        row[0] = row[2];
        row[2] = red;
    }
}

// The side in pixels of a scaled block; 0 if it is not square.
int scaled_block_size(const jpeg_component_info &component) {
#if JPEG_LIB_VERSION >= 70
    return component.DCT_h_scaled_size == component.DCT_v_scaled_size ? component.DCT_h_scaled_size : 0;
#else
    return component.DCT_scaled_size;
#endif
}

// Null pointers if there is no such table.
JpegHuffmanTable huffman_table(JHUFF_TBL *const tables[NUM_HUFF_TBLS], int index) {
    const JHUFF_TBL *table = index >= 0 && index < NUM_HUFF_TBLS ? tables[index] : nullptr;
    return table ? JpegHuffmanTable{table->bits, table->huffval} : JpegHuffmanTable{};
}

// Describes the first scan, for decoding at 1/8 scale. False if the filters cannot read it, or if it does not
// have all components in their order.
bool describe_scan(jpeg_decompress_struct *jpeg, JpegScan *scan) {
    if (jpeg->arith_code || jpeg->data_precision != 8 || jpeg->comps_in_scan != jpeg->num_components)
        return false;
    jpeg_calc_output_dimensions(jpeg);
    bool interleaved = jpeg->comps_in_scan > 1;
    for (int c = 0; c < jpeg->comps_in_scan; c++) {
        const jpeg_component_info &component = *jpeg->cur_comp_info[c];
        int index = component.quant_tbl_no;
        const JQUANT_TBL *quantization_table =
            index >= 0 && index < NUM_QUANT_TBLS ? jpeg->quant_tbl_ptrs[index] : nullptr;
        if (component.component_index != c || !quantization_table) return false;
        scan->component[c] = {component.component_id,
                              interleaved ? component.h_samp_factor : 1,
                              interleaved ? component.v_samp_factor : 1,
                              scaled_block_size(component) == 1,
                              quantization_table->quantval,
                              huffman_table(jpeg->dc_huff_tbl_ptrs, component.dc_tbl_no),
                              huffman_table(jpeg->ac_huff_tbl_ptrs, component.ac_tbl_no)};
    }
    scan->components = jpeg->comps_in_scan;
    int64_t width = 8 * (interleaved ? jpeg->max_h_samp_factor : 1),
            height = 8 * (interleaved ? jpeg->max_v_samp_factor : 1);
    scan->mcus_per_row = (jpeg->image_width + width - 1) / width;
    scan->mcu_rows = (jpeg->image_height + height - 1) / height;
    scan->restart_interval = jpeg->restart_interval;
    return true;
}

// True if assemble() can make pixels of the image: it is gray; or YCbCr, whose chroma is DC-only like luma (a
// sample stands for h_expand x v_expand pixels), or has as many samples as luma if libjpeg decodes it at
// 1/remainder_factor scale.
bool plan_assembly(const jpeg_decompress_struct *jpeg, const JpegScan &scan, Filtered *filtered) {
    if (!scan.component[0].dc_only) return false;
    if (scan.components == 1) return jpeg->jpeg_color_space == JCS_GRAYSCALE;
    if (!kHasColorsOfTurbo || scan.components != 3 || jpeg->jpeg_color_space != JCS_YCbCr) return false;
    const JpegComponent &y = scan.component[0], &cb = scan.component[1], &cr = scan.component[2];
    if (y.mcu_width != jpeg->max_h_samp_factor || y.mcu_height != jpeg->max_v_samp_factor ||
        cb.mcu_width != cr.mcu_width || cb.mcu_height != cr.mcu_height || cb.dc_only != cr.dc_only)
        return false;
    if (cb.dc_only) {
        filtered->h_expand = y.mcu_width / cb.mcu_width;
        filtered->v_expand = y.mcu_height / cb.mcu_height;
        return y.mcu_width % cb.mcu_width == 0 && y.mcu_height % cb.mcu_height == 0;
    }
    int size = scaled_block_size(*jpeg->cur_comp_info[1]);
    filtered->remainder_factor = size == 2 ? 4 : 2;
    return (size == 2 || size == 4) && size == scaled_block_size(*jpeg->cur_comp_info[2]) &&
           cb.mcu_width == 1 && cb.mcu_height == 1 && y.mcu_width == size && y.mcu_height == size;
}

FilterOutcome filter_sequential(Job *job, Bytes data, const JpegScan &scan) {
    jpeg_decompress_struct *jpeg = &job->jpeg;
    Filtered *filtered = job->filtered;
    if (jpeg->Ss != 0 || jpeg->Se != DCTSIZE2 - 1 || jpeg->Ah != 0 || jpeg->Al != 0 ||
        static_cast<int>(jpeg->output_width) != job->width ||
        static_cast<int>(jpeg->output_height) != job->height || !plan_assembly(jpeg, scan, filtered))
        return FilterOutcome::unchanged;
    for (int c = 0; c < scan.components; c++)
        if (!scan.component[c].dc_table.huffval || !scan.component[c].ac_table.huffval)
            return FilterOutcome::unchanged;
    uint8_t header[kMaxRemainderHeader];
    size_t size = 0;
    if (filtered->remainder_factor) {
        auto chroma_samples = [&](int64_t pixels) {
            return (pixels + scan.component[0].mcu_width - 1) / scan.component[0].mcu_width;
        };
        size = write_remainder_header(scan, chroma_samples(jpeg->image_width),
                                      chroma_samples(jpeg->image_height), header);
    }
    filtered->dc_only = decode_dc_only(data, scan, size, job->stop);
    filtered->gray = scan.components == 1;
    if (filtered->dc_only.remainder) memcpy(filtered->dc_only.remainder.get(), header, size);
    return filtered->dc_only.outcome;
}

// Filters what follows the header, which libjpeg has read. No longjmp may cross this: it owns memory.
FilterOutcome filter(Job *job) {
    jpeg_decompress_struct *jpeg = &job->jpeg;
    jpeg_source_mgr *source = jpeg->src;
    JpegScan scan;
    if (!describe_scan(jpeg, &scan)) return FilterOutcome::unchanged;
    Bytes data{source->next_input_byte, source->bytes_in_buffer};
    if (!jpeg->progressive_mode) return filter_sequential(job, data, scan);
    if (jpeg->Ss != 0 || jpeg->Se != 0 || jpeg->Ah != 0) return FilterOutcome::unchanged;
    NeededScans &scans = job->filtered->scans;
    scans = drop_unneeded_scans(data, scan, jpeg->Al, job->stop);
    if (scans.outcome == FilterOutcome::reduced) {
        source->next_input_byte = scans.data.get();
        source->bytes_in_buffer = scans.size;
        // libjpeg does not smooth a complete image; it would smooth this one, which lacks scans.
        jpeg->do_block_smoothing = FALSE;
    }
    return scans.outcome;
}

// False if a filter has done the work of libjpeg.
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
    if (job->filtered && job->factor == 8) {
        FilterOutcome outcome = filter(job);
        if (outcome == FilterOutcome::stopped) leave(reinterpret_cast<j_common_ptr>(jpeg), Outcome::stopped);
        if (outcome == FilterOutcome::reduced && !jpeg->progressive_mode) return false;
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
            job->outcome = Outcome::dc_only;
        } else if (static_cast<int>(jpeg->output_width) == job->width &&
                   static_cast<int>(jpeg->output_height) == job->height) {
            read_rows(job);
            // Needed after the last row too: libjpeg reports a marker that came too early only here.
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

// Pixels of the planes, and of the remainder, which libjpeg decodes here. False if libjpeg refuses the
// remainder, which should not happen: the filter has checked it.
bool assemble(const Filtered &filtered, cv::Mat &pixels, StopFlag stop) {
    const DcPlane *plane = filtered.dc_only.plane;
    cv::Mat chroma;
    if (filtered.remainder_factor) {
        chroma.create(pixels.size(), CV_8UC2);
        Job job = job_for({filtered.dc_only.remainder.get(), filtered.dc_only.remainder_size},
                          filtered.remainder_factor, chroma, stop);
        job.raw = true;
        run(&job);
        if (job.outcome == Outcome::stopped) throw Error(ErrorKind::cancelled, "decoding was cancelled");
        if (job.outcome != Outcome::done) return false;
    }
    for (int row = 0; row < pixels.rows; row++) {
        const uint8_t *y = plane[0].samples.get() + row * plane[0].width;
        uint8_t *bgr = pixels.ptr(row);
        if (filtered.gray) {
            gray_to_bgr(y, pixels.cols, bgr);
        } else if (filtered.remainder_factor) {
            ycc_to_bgr(y, chroma.ptr(row), chroma.ptr(row) + 1, 2, 1, pixels.cols, bgr);
        } else {
            int64_t at = row / filtered.v_expand * plane[1].width;
            ycc_to_bgr(y, plane[1].samples.get() + at, plane[2].samples.get() + at, 1, filtered.h_expand,
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
    JpegFiltering by_default = {JpegFiltering::where_it_pays, false};
    if (!filtering) filtering = &by_default;
    Filtered filtered;
    bool may_filter =
        filtering->wanted == JpegFiltering::always ||
        (filtering->wanted == JpegFiltering::where_it_pays && header.pixels() >= kMinFilteredPixels);
    Job job = job_for(image, factor, pixels, stop);
    job.filtered = may_filter ? &filtered : nullptr;
    run(&job);
    filtering->used = filtered.dc_only.outcome == FilterOutcome::reduced ||
                      filtered.scans.outcome == FilterOutcome::reduced;
    if (job.outcome == Outcome::dc_only) {
        if (assemble(filtered, pixels, stop)) return pixels;
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
        case Outcome::dc_only:
            break;
    }
    throw Error(ErrorKind::bad_image, std::string("JPEG image cannot be decoded: ") + job.message);
}

}  // namespace imagehash::vision
