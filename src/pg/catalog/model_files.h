// Files of models: read, checked against the SHA-256 they are pinned by, loaded once a session. The shipped
// ones lie in imagehash.model_directory and are pinned by the binary, others where the catalog says.
#pragma once

#include "pg/value/imagehash.h"
#include "semantic/types.h"

namespace imagehash::pg {

constexpr int kSha256Bytes = 32;
constexpr int kSha256Digits = 2 * kSha256Bytes;

struct LoadedModel {
    semantic::NetworkId network;
    Preprocessing preprocessing;  // of its inputs
    int length;                   // values of an embedding
};

struct LoadedHasher {
    semantic::HasherId hasher;
    semantic::HasherShape shape;
    Method method;  // of the hashes that network and hasher make
};

// Loads what is missing of the shipped network and hasher. Where that fails: ereport(elevel), and false if it
// returns; the next call tries again. Must run inside a resource owner.
bool load_shipped(bool network, bool hasher, int elevel);

// Null where it is not loaded.
const LoadedModel *shipped_model();
const LoadedHasher *shipped_hasher();

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
bool read_model_file(const ModelFile *file, int elevel, Bytes *bytes);

// Makes a network ready and keeps it for the life of the session; ERROR where it is none. One with a name
// runs on a thread of its own (semantic/network/supervised.h).
LoadedModel load_network_of(const ModelFile *file, Bytes bytes, const Preprocessing &preprocessing);

// The first four bytes of the SHA-256 over network and hasher that do not fall among the built-in methods.
Method method_of(Bytes network, Bytes hasher);

// Lower-case digits with a final zero.
void sha256_text(const uint8 sha256[kSha256Bytes], char text[kSha256Digits + 1]);
bool sha256_from_text(const char *text, int length, uint8 sha256[kSha256Bytes]);

}  // namespace imagehash::pg
