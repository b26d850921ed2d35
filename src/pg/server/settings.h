// Settings with the prefix imagehash.
#pragma once

#include "pg/server/pg.h"

namespace imagehash::pg {

struct Settings {
    int threads;              // threads of one forward pass
    int max_pixels;           // width x height of an image that may be decoded
    int max_bytes;            // kB of an encoded image
    double target_recall;     // of an ordered scan; 1: exact
    int directory_cache;      // kB
    char *model_directory;    // empty: where the weights were installed
    char *preload_libraries;  // a list
};

// Called once by _PG_init.
void define_settings();

const Settings &image_settings();
double target_recall();
int directory_cache();  // kB
// Of the shipped weights.
const char *model_directory();
// Whether "vision" or "semantic" is to be loaded at server start.
bool is_preloaded(const char *library);

}  // namespace imagehash::pg
