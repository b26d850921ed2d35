// imagehash.so: the type, its operators and the index. Links neither OpenCV nor LibTorch.
#include "hamming/kernels.h"
#include "index/store/options.h"
#include "index/planner/distance_clauses.h"
#include "pg/server/settings.h"

extern "C" {
PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_init();
}

extern "C" void _PG_init() {
    imagehash::pg::define_settings();
    imagehash::index::define_options();
    imagehash::pg::serve_distance_clauses();
}

// For imagehash_info(), which lies in the other module: the instruction set of the distance kernels.
extern "C" PGDLLEXPORT const char *imagehash_kernel_name() {
    return imagehash::hamming::best_kernel().name;
}
