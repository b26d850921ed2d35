// Plain structs and palloc memory only: ereport jumps over these frames.
#include "pg/server/libraries.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pg/server/errors.h"

#include "installed.h"

namespace imagehash::pg {

namespace {

struct Library {
    const char *file;
    const char *function;  // returns its table
    int version;           // that the table must have
    const char *package;
    const char *purpose;  // what does not work without it
};

const Library kVision = {"libimagehash_vision.so", "imagehash_vision_api", vision::kApiVersion,
                         "libimagehash-vision", "functions that decode images"};
const Library kSemantic = {"libimagehash_semantic.so", "imagehash_semantic_api", semantic::kApiVersion,
                           "libimagehash-semantic", "embeddings, semantic hashes and training"};

}  // namespace

// A directory by where it lies from this module, so that a copy of an installation uses its own; if there is
// none, as the build was told to install.
static char *installed_directory(const char *from_module, const char *absolute) {
    static const char kHere = 0;
    Dl_info module = {};
    struct stat status;
    if (dladdr(&kHere, &module) != 0 && module.dli_fname != nullptr) {
        char path[MAXPGPATH];
        strlcpy(path, module.dli_fname, sizeof(path));
        get_parent_directory(path);
        char *directory = psprintf("%s/%s", path, from_module);
        canonicalize_path(directory);
        if (stat(directory, &status) == 0 && S_ISDIR(status.st_mode)) return directory;
        pfree(directory);
    }
    return pstrdup(absolute);
}

static char *path_of(const Library &library) {
    char *directory = installed_directory(IMAGEHASH_LIBDIR_FROM_MODULE, IMAGEHASH_LIBDIR);
    return psprintf("%s/%s", directory, library.file);
}

static void report_missing(const Library &library, const char *path, int elevel) {
    ereport(elevel, (errcode(ERRCODE_UNDEFINED_FILE), errmsg("library \"%s\" is not installed", path),
                     errdetail("Without it there are no %s. Type, operators, indexes and searches need none.",
                               library.purpose),
                     errhint("Install the package %s.", library.package)));
}

// The table of functions: a pointer to a struct that begins with its version. Null after ereport(elevel).
static const void *open_library(const Library &library, int elevel) {
    char *path = path_of(library);
    if (access(path, F_OK) != 0) {
        report_missing(library, path, elevel);
        return nullptr;
    }
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
        ereport(elevel, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                         errmsg("could not load library \"%s\": %s", path, dlerror()),
                         errhint("Install the package %s again, with what it depends on.", library.package)));
        return nullptr;
    }
    auto function = reinterpret_cast<const void *(*)()>(dlsym(handle, library.function));
    const void *table = function ? function() : nullptr;
    int version = table ? *static_cast<const int *>(table) : 0;
    if (version == library.version) return table;
    ereport(elevel, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                     errmsg("library \"%s\" is of another release of imagehash", path),
                     errdetail("Its interface has version %d, imagehash %s needs version %d.", version,
                               IMAGEHASH_VERSION, library.version),
                     errhint("Install the package %s of the same release.", library.package)));
    return nullptr;
}

// Loads it once; `start` of its table is the first call.
template <class Api>
static const Api *load_once(const Library &library, int elevel) {
    static const Api *started = nullptr;
    if (started) return started;
    auto *api = static_cast<const Api *>(open_library(library, elevel));
    if (!api) return nullptr;
    Status status = api->start();
    if (!status.ok()) {
        report_status(elevel, status, nullptr);
        return nullptr;
    }
    return started = api;
}

const vision::Api *load_vision(int elevel) {
    return load_once<vision::Api>(kVision, elevel);
}

const semantic::Api *load_semantic(int elevel) {
    return load_once<semantic::Api>(kSemantic, elevel);
}

const vision::Api &vision_library() {
    return *load_vision(ERROR);
}

const semantic::Api &semantic_library() {
    return *load_semantic(ERROR);
}

char *vision_library_path() {
    return path_of(kVision);
}

char *semantic_library_path() {
    return path_of(kSemantic);
}

char *installed_model_directory() {
    return installed_directory(IMAGEHASH_SHAREDIR_FROM_MODULE, IMAGEHASH_SHAREDIR);
}

}  // namespace imagehash::pg
