// See vision_models.h. Plain structs and palloc memory only: ereport jumps over these frames.
#include "pg/vision_models.h"

#include <sys/stat.h>

extern "C" {
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "storage/fd.h"
}

#include "pinned_models.h"

namespace imagehash::pg {

// A model file in memory (palloc).
struct ModelFile {
    char path[2 * MAXPGPATH];
    uint8 *data;
    Size size;
};

static LoadedModel loaded_model;
static LoadedHasher loaded_hasher;
static bool model_is_loaded = false;
static bool hasher_is_loaded = false;

int sqlstate_of(vision::ErrorKind kind) {
    switch (kind) {
        case vision::ErrorKind::bad_image:
        case vision::ErrorKind::bad_argument:
            return ERRCODE_INVALID_PARAMETER_VALUE;
        case vision::ErrorKind::unsupported:
            return ERRCODE_FEATURE_NOT_SUPPORTED;
        case vision::ErrorKind::too_large:
            return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
        case vision::ErrorKind::bad_model:
            return ERRCODE_DATA_CORRUPTED;
        case vision::ErrorKind::out_of_memory:
            return ERRCODE_OUT_OF_MEMORY;
        case vision::ErrorKind::cancelled:
            return ERRCODE_QUERY_CANCELED;
        case vision::ErrorKind::internal:
        case vision::ErrorKind::none:
            break;
    }
    return ERRCODE_INTERNAL_ERROR;
}

void report_status(int elevel, const vision::Status &status, const char *path) {
    ereport(elevel, (errcode(sqlstate_of(status.kind)), errmsg("%s", status.message),
                     path ? errdetail("The file is \"%s\".", path) : 0,
                     status.hint[0] != '\0' ? errhint("%s", status.hint) : 0));
}

void check_status(const vision::Status &status) {
    // What PostgreSQL says of it is better than what we could.
    if (status.kind == vision::ErrorKind::cancelled) CHECK_FOR_INTERRUPTS();
    if (!status.ok()) report_status(ERROR, status, nullptr);
}

static bool read_model_file(const char *name, int elevel, ModelFile *file) {
    char share[MAXPGPATH];
    get_share_path(my_exec_path, share);
    snprintf(file->path, sizeof(file->path), "%s/imagehash/%s", share, name);
    FILE *stream = AllocateFile(file->path, PG_BINARY_R);
    struct stat status;
    bool good = stream != nullptr && fstat(fileno(stream), &status) == 0;
    if (good) {
        file->size = status.st_size;
        file->data = static_cast<uint8 *>(palloc_extended(Max(file->size, 1), MCXT_ALLOC_HUGE));
        errno = 0;
        good = fread(file->data, 1, file->size, stream) == file->size;
    }
    if (!good)
        ereport(elevel,
                (errcode_for_file_access(), errmsg("could not read model file \"%s\": %m", file->path),
                 errhint("Reinstall the extension imagehash; its models belong to it.")));
    if (stream != nullptr) FreeFile(stream);
    return good;
}

// SHA-256 over one or two pieces.
static void sha256(const ModelFile *first, const ModelFile *second, uint8 digest[PG_SHA256_DIGEST_LENGTH]) {
    pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);
    if (pg_cryptohash_init(context) < 0 || pg_cryptohash_update(context, first->data, first->size) < 0 ||
        (second && pg_cryptohash_update(context, second->data, second->size) < 0) ||
        pg_cryptohash_final(context, digest, PG_SHA256_DIGEST_LENGTH) < 0)
        ereport(ERROR,
                (errcode(ERRCODE_INTERNAL_ERROR),
                 errmsg("could not compute SHA-256 of a model file: %s", pg_cryptohash_error(context))));
    pg_cryptohash_free(context);
}

static bool check_pinned(const ModelFile *file, const char *expected, int elevel) {
    uint8 digest[PG_SHA256_DIGEST_LENGTH];
    char actual[2 * PG_SHA256_DIGEST_LENGTH + 1];
    sha256(file, nullptr, digest);
    for (int i = 0; i < PG_SHA256_DIGEST_LENGTH; i++) snprintf(actual + 2 * i, 3, "%02x", digest[i]);
    if (strcmp(actual, expected) == 0) return true;
    ereport(elevel,
            (errcode(ERRCODE_DATA_CORRUPTED),
             errmsg("model file \"%s\" is not the one this version of imagehash was built with", file->path),
             errdetail("Its SHA-256 is %s, expected is %s.", actual, expected),
             errhint("Reinstall the extension imagehash; its models belong to it.")));
    return false;
}

// The first four bytes of the SHA-256 over network and hasher that do not fall among the built-in methods.
static Method method_of(const ModelFile *network, const ModelFile *hasher) {
    uint8 digest[PG_SHA256_DIGEST_LENGTH];
    sha256(network, hasher, digest);
    for (int i = 0; i + 4 <= PG_SHA256_DIGEST_LENGTH; i += 4) {
        Method method =
            static_cast<Method>(digest[i]) << 24 | digest[i + 1] << 16 | digest[i + 2] << 8 | digest[i + 3];
        if (method >= kFirstSemanticMethod) return method;
    }
    return kFirstSemanticMethod;
}

static bool hand_over_network(const ModelFile *file, int elevel) {
    char note[256];
    vision::Status status =
        vision::load_network(vision::Bytes{file->data, file->size}, vision::kShippedRecipe,
                             &loaded_model.network, &loaded_model.length, note);
    if (!status.ok()) report_status(elevel, status, file->path);
    if (note[0] != '\0') ereport(WARNING, (errmsg("%s", note)));
    model_is_loaded = status.ok();
    return status.ok();
}

static bool hand_over_hasher(const ModelFile *network, const ModelFile *file, int elevel) {
    loaded_hasher.method = method_of(network, file);
    vision::Status status = vision::load_hasher(vision::Bytes{file->data, file->size}, &loaded_hasher.hasher,
                                                &loaded_hasher.shape);
    if (!status.ok()) report_status(elevel, status, file->path);
    hasher_is_loaded = status.ok();
    return status.ok();
}

bool load_shipped(bool network, bool hasher, int elevel) {
    network = network && !model_is_loaded;
    hasher = hasher && !hasher_is_loaded;
    if (!network && !hasher) return true;

    // The network's bytes are part of the method, so a hasher needs them too.
    ModelFile network_file = {}, hasher_file = {};
    bool good = read_model_file(IMAGEHASH_NETWORK_FILE, elevel, &network_file) &&
                check_pinned(&network_file, IMAGEHASH_NETWORK_SHA256, elevel);
    if (good && network) good = hand_over_network(&network_file, elevel);
    if (good && hasher)
        good = read_model_file(IMAGEHASH_HASHER_FILE, elevel, &hasher_file) &&
               check_pinned(&hasher_file, IMAGEHASH_HASHER_SHA256, elevel) &&
               hand_over_hasher(&network_file, &hasher_file, elevel);
    if (network_file.data) pfree(network_file.data);
    if (hasher_file.data) pfree(hasher_file.data);
    return good;
}

const LoadedModel *shipped_model() {
    return model_is_loaded ? &loaded_model : nullptr;
}

const LoadedHasher *shipped_hasher() {
    return hasher_is_loaded ? &loaded_hasher : nullptr;
}

}  // namespace imagehash::pg
