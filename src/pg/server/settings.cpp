// Defines the settings imagehash.*; see settings.h.
#include "pg/server/settings.h"

extern "C" {
#include "utils/guc.h"
}

namespace imagehash::pg {

static Settings settings;

void define_settings() {
    DefineCustomIntVariable("imagehash.threads", "Threads that one image may use for its embedding.",
                            "More than one helps a single session and costs a server that hashes in many.",
                            &settings.threads, 1, 1, 64, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable(
        "imagehash.max_pixels", "Width times height of the largest image that is decoded.",
        "Checked in the header of an image, before memory is allocated for its pixels; decoding "
        "takes up to 16 bytes a pixel.",
        &settings.max_pixels, 100000000, 1, 1000000000, PGC_SUSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("imagehash.max_bytes", "Size of the largest encoded image that is decoded.",
                            "Bounds the time that a small picture in a large file may take.",
                            &settings.max_bytes, 256 * 1024, 1, 1024 * 1024, PGC_SUSET, GUC_UNIT_KB, nullptr,
                            nullptr, nullptr);
    DefineCustomRealVariable(
        "imagehash.target_recall",
        "Share of the nearest rows that an index scan in order of distance must find.",
        "1 is exact. Below that, the scan reads only the leaves nearest to the query, as many as gave this "
        "recall of the 10 nearest when the index was built, with its own hashes as queries.",
        &settings.target_recall, 1.0, 0.5, 1.0, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("imagehash.directory_cache",
                            "Memory in which a session keeps directories of hamming indexes.",
                            "A search needs the directory of its index, about 0.5 MB for a million hashes. "
                            "What does not fit is read "
                            "anew for each search.",
                            &settings.directory_cache, 32 * 1024, 0, MAX_KILOBYTES, PGC_USERSET, GUC_UNIT_KB,
                            nullptr, nullptr, nullptr);
    MarkGUCPrefixReserved("imagehash");
}

double target_recall() {
    return settings.target_recall;
}

int directory_cache() {
    return settings.directory_cache;
}

}  // namespace imagehash::pg

extern "C" PGDLLEXPORT const imagehash::pg::Settings *imagehash_settings() {
    return &imagehash::pg::settings;
}
