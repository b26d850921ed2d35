// Reads the files of models and hashers and loads them into libimagehash_semantic.so, once a session. Plain
// structs and palloc memory only: ereport jumps over these frames.
#include "pg/catalog/model_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

extern "C" {
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "storage/fd.h"
}

#include "pg/server/errors.h"
#include "pg/server/libraries.h"
#include "pg/server/settings.h"
#include "pinned_models.h"

namespace imagehash::pg {

static const int64 kMaxModelSize = INT64CONST(2) << 30;
static const Size kPiece = 1 << 20;  // that is read or hashed between two looks for interrupts

static LoadedModel loaded_model;
static LoadedHasher loaded_hasher;
static bool model_is_loaded = false;
static bool hasher_is_loaded = false;

void sha256_text(const uint8 sha256[kSha256Bytes], char text[kSha256Digits + 1]) {
    for (int i = 0; i < kSha256Bytes; i++) snprintf(text + 2 * i, 3, "%02x", sha256[i]);
}

bool sha256_from_text(const char *text, int length, uint8 sha256[kSha256Bytes]) {
    if (length != kSha256Digits || strspn(text, "0123456789abcdefABCDEF") < kSha256Digits) return false;
    return hex_decode(text, length, reinterpret_cast<char *>(sha256)) == kSha256Bytes;
}

static bool update_in_pieces(pg_cryptohash_ctx *context, Bytes bytes) {
    for (Size done = 0; done < bytes.size; done += kPiece) {
        CHECK_FOR_INTERRUPTS();
        if (pg_cryptohash_update(context, bytes.data + done, Min(bytes.size - done, kPiece)) < 0)
            return false;
    }
    return true;
}

// SHA-256 over both.
static void sha256_of(Bytes first, Bytes second, uint8 digest[kSha256Bytes]) {
    pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);
    if (pg_cryptohash_init(context) < 0 || !update_in_pieces(context, first) ||
        !update_in_pieces(context, second) || pg_cryptohash_final(context, digest, kSha256Bytes) < 0)
        ereport(ERROR,
                (errcode(ERRCODE_INTERNAL_ERROR),
                 errmsg("could not compute SHA-256 of a model file: %s", pg_cryptohash_error(context))));
    pg_cryptohash_free(context);
}

Method method_of(Bytes network, Bytes hasher) {
    uint8 digest[kSha256Bytes];
    sha256_of(network, hasher, digest);
    for (int i = 0; i + 4 <= kSha256Bytes; i += 4) {
        Method method =
            static_cast<Method>(digest[i]) << 24 | digest[i + 1] << 16 | digest[i + 2] << 8 | digest[i + 3];
        if (method >= kFirstSemanticMethod) return method;
    }
    return kFirstSemanticMethod;
}

static void report_unreadable(const ModelFile *file, int elevel) {
    if (!file->model) {
        ereport(
            elevel,
            (errcode_for_file_access(), errmsg("could not read model file \"%s\": %m", file->path),
             errhint("Install the package imagehash-models, or say in imagehash.model_directory where its "
                     "files are.")));
        return;
    }
    char expected[kSha256Digits + 1];
    sha256_text(file->sha256, expected);
    ereport(elevel,
            (errcode_for_file_access(),
             errmsg("could not read file \"%s\" of model \"%s\": %m", file->path, file->model),
             errdetail("Its SHA-256 is %s.", expected),
             errhint("Put the file there, on every server that hashes with this model: restored copies and "
                     "standbys too.")));
}

static bool check_pinned(const ModelFile *file, Bytes bytes, int elevel) {
    uint8 digest[kSha256Bytes];
    sha256_of(bytes, {}, digest);
    if (memcmp(digest, file->sha256, kSha256Bytes) == 0) return true;
    char actual[kSha256Digits + 1], expected[kSha256Digits + 1];
    sha256_text(digest, actual);
    sha256_text(file->sha256, expected);
    if (file->model)
        ereport(elevel,
                (errcode(ERRCODE_DATA_CORRUPTED),
                 errmsg("file \"%s\" is not the one registered as model \"%s\"", file->path, file->model),
                 errdetail("Its SHA-256 is %s, expected is %s.", actual, expected),
                 errhint("Put the registered file back; another network is another model, with a "
                         "file and a name of its own.")));
    else
        ereport(elevel, (errcode(ERRCODE_DATA_CORRUPTED),
                         errmsg("model file \"%s\" is not the one this version of imagehash was built with",
                                file->path),
                         errdetail("Its SHA-256 is %s, expected is %s.", actual, expected),
                         errhint("Install imagehash-models of the same release.")));
    return false;
}

// Opens a regular file and nothing else: what waits for a writer, or acts when it is opened, is not opened.
// False, after ereport(elevel), where it cannot be.
static bool open_model_file(const ModelFile *file, int elevel, int *descriptor, Size *size) {
    struct stat status;
    bool good = stat(file->path, &status) == 0, regular = good && S_ISREG(status.st_mode);
    *descriptor = -1;
    if (regular) {
        *descriptor = OpenTransientFile(file->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | PG_BINARY);
        good = *descriptor >= 0 && fstat(*descriptor, &status) == 0;
        regular = good && S_ISREG(status.st_mode);
    }
    if (regular && status.st_size <= kMaxModelSize) {
        *size = static_cast<Size>(status.st_size);
        return true;
    }
    int error = errno;
    if (*descriptor >= 0) CloseTransientFile(*descriptor);
    errno = error;
    if (!good)
        report_unreadable(file, elevel);
    else if (!regular)
        ereport(elevel,
                (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is not a regular file", file->path),
                 errdetail("A model is read from a file that has all its bytes.")));
    else
        ereport(elevel,
                (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                 errmsg("file \"%s\" is too large for a model", file->path),
                 errdetail("It has %lld bytes, and a model at most %lld.",
                           static_cast<long long>(status.st_size), static_cast<long long>(kMaxModelSize))));
    return false;
}

// In pieces, between which it can be cancelled. An ERROR closes the descriptor too.
static bool read_all(const ModelFile *file, int elevel, int descriptor, uint8 *data, Size size) {
    for (Size done = 0; done < size;) {
        CHECK_FOR_INTERRUPTS();
        ssize_t got = read(descriptor, data + done, Min(size - done, kPiece));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            report_unreadable(file, elevel);
            return false;
        }
        if (got == 0) {
            ereport(elevel,
                    (errcode(ERRCODE_DATA_CORRUPTED),
                     errmsg("could not read file \"%s\": read %zu of %zu bytes", file->path, done, size)));
            return false;
        }
        done += got;
    }
    return true;
}

bool read_model_file(const ModelFile *file, int elevel, Bytes *bytes) {
    int descriptor;
    Size size;
    if (!open_model_file(file, elevel, &descriptor, &size)) return false;
    auto data = static_cast<uint8 *>(palloc_extended(Max(size, 1), MCXT_ALLOC_HUGE));
    bool good = read_all(file, elevel, descriptor, data, size);
    CloseTransientFile(descriptor);
    if (!good) return false;
    *bytes = {data, size};
    return check_pinned(file, *bytes, elevel);
}

static ModelFile shipped_file(const char *name, const char *sha256) {
    ModelFile file = {psprintf("%s/%s", model_directory(), name), {}, nullptr};
    sha256_from_text(sha256, strlen(sha256), file.sha256);
    return file;
}

ModelFile shipped_network_file() {
    return shipped_file(IMAGEHASH_NETWORK_FILE, IMAGEHASH_NETWORK_SHA256);
}

// Of a registered network, or of the shipped one.
static bool hand_over_network(const ModelFile *file, Bytes bytes, const Preprocessing &preprocessing,
                              int elevel, LoadedModel *model) {
    char note[256];
    model->preprocessing = preprocessing;
    Status status =
        file->model
            ? semantic_library().load_registered_network(bytes, preprocessing, stop_requested,
                                                         &model->network, &model->length, note)
            : semantic_library().load_network(bytes, preprocessing, &model->network, &model->length, note);
    if (status.kind == ErrorKind::cancelled) CHECK_FOR_INTERRUPTS();
    if (!status.ok()) report_status(elevel, status, file->path);
    if (note[0] != '\0') ereport(WARNING, (errmsg("%s", note)));
    return status.ok();
}

LoadedModel load_network_of(const ModelFile *file, Bytes bytes, const Preprocessing &preprocessing) {
    LoadedModel model;
    hand_over_network(file, bytes, preprocessing, ERROR, &model);
    return model;
}

static bool load_shipped_network(int elevel) {
    ModelFile file = shipped_network_file();
    Bytes bytes = {};
    bool good = read_model_file(&file, elevel, &bytes) &&
                hand_over_network(&file, bytes, kShippedPreprocessing, elevel, &loaded_model);
    if (bytes.data) pfree(const_cast<uint8_t *>(bytes.data));
    return good;
}

static bool load_shipped_hasher(int elevel) {
    ModelFile file = shipped_file(IMAGEHASH_HASHER_FILE, IMAGEHASH_HASHER_SHA256);
    Bytes bytes = {};
    bool good = read_model_file(&file, elevel, &bytes);
    if (good) {
        loaded_hasher.method = IMAGEHASH_HASHER_METHOD;
        Status status = semantic_library().load_hasher(bytes, &loaded_hasher.hasher, &loaded_hasher.shape);
        good = status.ok();
        if (!good) report_status(elevel, status, file.path);
    }
    if (bytes.data) pfree(const_cast<uint8_t *>(bytes.data));
    return good;
}

bool load_shipped(bool network, bool hasher, int elevel) {
    if (network && !model_is_loaded) model_is_loaded = load_shipped_network(elevel);
    if (hasher && !hasher_is_loaded) hasher_is_loaded = load_shipped_hasher(elevel);
    return (!network || model_is_loaded) && (!hasher || hasher_is_loaded);
}

const LoadedModel *shipped_model() {
    return model_is_loaded ? &loaded_model : nullptr;
}

const LoadedHasher *shipped_hasher() {
    return hasher_is_loaded ? &loaded_hasher : nullptr;
}

}  // namespace imagehash::pg
