// Defines the settings imagehash.*; see settings.h.
#include "pg/settings.h"

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
    MarkGUCPrefixReserved("imagehash");
}

}  // namespace imagehash::pg

extern "C" PGDLLEXPORT const imagehash::pg::Settings *imagehash_settings() {
    return &imagehash::pg::settings;
}
