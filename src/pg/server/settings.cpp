// Defines the settings imagehash.* with their defaults and ranges, and checks lists of names.
#include "pg/server/settings.h"

#include "pg/server/libraries.h"

extern "C" {
#include "utils/guc.h"
#include "utils/varlena.h"
}

namespace imagehash::pg {

static Settings settings;

// A list of names: "vision", "semantic".
static bool check_preload(char **value, void **, GucSource) {
    List *names;
    char *copy = pstrdup(*value);
    if (!SplitIdentifierString(copy, ',', &names)) {
        GUC_check_errdetail("List syntax is invalid.");
        return false;
    }
    ListCell *cell;
    foreach (cell, names) {
        const char *name = static_cast<const char *>(lfirst(cell));
        if (strcmp(name, "vision") == 0 || strcmp(name, "semantic") == 0) continue;
        GUC_check_errdetail("\"%s\" is not a library of imagehash.", name);
        GUC_check_errhint("There are \"vision\" and \"semantic\".");
        return false;
    }
    return true;
}

bool is_preloaded(const char *library) {
    List *names;
    SplitIdentifierString(pstrdup(settings.preload_libraries), ',', &names);
    ListCell *cell;
    foreach (cell, names)
        if (strcmp(static_cast<const char *>(lfirst(cell)), library) == 0) return true;
    return false;
}

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
        "recall of the 10 and of the 100 nearest when it was measured last, with hashes of the index as "
        "queries.",
        &settings.target_recall, 1.0, 0.5, 1.0, PGC_USERSET, 0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("imagehash.directory_cache",
                            "Memory in which a session keeps directories of hamming indexes.",
                            "A search needs the directory of its index, about 0.5 MB for a million hashes. "
                            "What does not fit is read "
                            "anew for each search.",
                            &settings.directory_cache, 32 * 1024, 0, MAX_KILOBYTES, PGC_USERSET, GUC_UNIT_KB,
                            nullptr, nullptr, nullptr);
    DefineCustomStringVariable(
        "imagehash.model_directory", "Directory of the shipped weights.",
        "Empty: where they were installed. Their SHA-256 is checked wherever they lie.",
        &settings.model_directory, "", PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
    // A session that loads this module later cannot make it a setting of the postmaster's.
    DefineCustomStringVariable("imagehash.preload_libraries",
                               "Libraries that are loaded at server start: vision, semantic.",
                               "Works where shared_preload_libraries has imagehash. Sessions then share "
                               "their memory, and the first image "
                               "of one costs little more than the next.",
                               &settings.preload_libraries, "",
                               process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP,
                               GUC_LIST_INPUT, check_preload, nullptr, nullptr);
    MarkGUCPrefixReserved("imagehash");
}

const Settings &image_settings() {
    return settings;
}

const char *model_directory() {
    return settings.model_directory[0] != '\0' ? settings.model_directory : installed_model_directory();
}

double target_recall() {
    return settings.target_recall;
}

int directory_cache() {
    return settings.directory_cache;
}

}  // namespace imagehash::pg
