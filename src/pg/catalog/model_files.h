// Files of models: read, checked against the SHA-256 they are pinned by, loaded once a session. The shipped
// ones lie in the share directory and are pinned by the binary, others where the catalogue says.
#pragma once

#include "pg/value/imagehash.h"
#include "vision/api.h"

namespace imagehash::pg {

constexpr int kSha256Bytes = 32;
constexpr int kSha256Digits = 2 * kSha256Bytes;

struct LoadedModel {
    vision::NetworkId network;
    int length;  // values of an embedding
};

struct LoadedHasher {
    vision::HasherId hasher;
    vision::HasherShape shape;
    Method method;  // of the hashes that network and hasher make
};

// Loads what is missing of the shipped network and hasher. Where that fails: ereport(elevel), and false if it
// returns; the next call tries again. Must run inside a resource owner.
bool load_shipped(bool network, bool hasher, int elevel);

// Null where it is not loaded.
const LoadedModel *shipped_model();
const LoadedHasher *shipped_hasher();

int sqlstate_of(vision::ErrorKind kind);

// A file that a model is read from, and what it must be.
struct ModelFile {
    const char *path;
    uint8 sha256[kSha256Bytes];
    const char *model;  // name of the model in messages; null: shipped with the extension
};

// Path and pin of the shipped network (palloc).
ModelFile shipped_network_file();

// The bytes (palloc), which are those that the file is pinned by. Else ereport(elevel), and false if it
// returns.
bool read_model_file(const ModelFile *file, int elevel, vision::Bytes *bytes);

// Makes a network ready and keeps it for the life of the session; ERROR where it is none. One with a name
// runs on a thread of its own (semantic/network/supervised.h).
LoadedModel load_network_of(const ModelFile *file, vision::Bytes bytes, const vision::InputRecipe &recipe);

// The first four bytes of the SHA-256 over network and hasher that do not fall among the built-in methods.
Method method_of(vision::Bytes network, vision::Bytes hasher);

// Lower-case digits with a final zero.
void sha256_text(const uint8 sha256[kSha256Bytes], char text[kSha256Digits + 1]);
bool sha256_from_text(const char *text, int length, uint8 sha256[kSha256Bytes]);

// Whether it says what is wrong with an image; what else there is, another image would meet too.
inline bool is_fault_of_image(const vision::Status &status) {
    return status.kind == vision::ErrorKind::bad_image || status.kind == vision::ErrorKind::unsupported ||
           status.kind == vision::ErrorKind::too_large;
}

// Whether CHECK_FOR_INTERRUPTS() would end the statement. Only reads flags: C++ frames lie below.
inline bool stop_requested() {
    return (QueryCancelPending || ProcDiePending) && InterruptHoldoffCount == 0 && CritSectionCount == 0 &&
           QueryCancelHoldoffCount == 0;
}

// ERROR if the status is not ok, with the SQLSTATE of its kind; FATAL where a registered network cannot be
// stopped otherwise.
void check_status(const vision::Status &status);
void report_status(int elevel, const vision::Status &status, const char *path);

}  // namespace imagehash::pg
