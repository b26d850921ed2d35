// A JPEG that libjpeg writes into memory, for tests and measurements that want a say in how it is made.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

// After cstdio, which it needs.
#include <jpeglib.h>

namespace imagehash {

class JpegInMemory {
 public:
    jpeg_compress_struct jpeg = {};  // with libjpeg's defaults, to be changed before the first row

    JpegInMemory(int width, int height, int components, J_COLOR_SPACE space) {
        jpeg.err = jpeg_std_error(&errors_);
        jpeg_create_compress(&jpeg);
        jpeg_mem_dest(&jpeg, &memory_, &size_);
        jpeg.image_width = static_cast<JDIMENSION>(width);
        jpeg.image_height = static_cast<JDIMENSION>(height);
        jpeg.input_components = components;
        jpeg.in_color_space = space;
        jpeg_set_defaults(&jpeg);
    }
    ~JpegInMemory() {
        jpeg_destroy_compress(&jpeg);
        free(memory_);
    }
    JpegInMemory(const JpegInMemory &) = delete;
    JpegInMemory &operator=(const JpegInMemory &) = delete;

    void add_row(uint8_t *samples) {
        if (jpeg.next_scanline == 0) jpeg_start_compress(&jpeg, TRUE);
        jpeg_write_scanlines(&jpeg, &samples, 1);
    }
    // After the last row.
    std::vector<uint8_t> finish() {
        jpeg_finish_compress(&jpeg);
        return {memory_, memory_ + size_};
    }

 private:
    jpeg_error_mgr errors_;
    unsigned char *memory_ = nullptr;
    unsigned long size_ = 0;
};

}  // namespace imagehash
