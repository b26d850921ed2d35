// The catalog as the functions of images use it: models and hashers by name, loaded once a session.
//
// A row never changes; what was loaded from one is used until the row is dropped, which the next call of
// another session, a parallel worker or a standby notices too (an invalidation of the table's relcache
// entry). A row that was asked for stays until the transaction ends: its name is locked against dropping, and
// who asks waits for a drop that is not committed. Every function must run in a transaction; those that
// return a pointer keep it valid until the next call of a function in this file.
#pragma once

#include "pg/catalog/model_files.h"

namespace imagehash::pg {

// A row of imagehash.image_model.
struct ModelRow {
    char name[NAMEDATALEN];
    const char *path;  // absolute; null: the shipped network
    uint8 sha256[kSha256Bytes];
    Preprocessing preprocessing;
    int length;  // values of an embedding
};

// A row of imagehash.hasher, without its weights.
struct HasherRow {
    char name[NAMEDATALEN];
    int input;  // values of an embedding, as its weights say
    int bits;
    Method method;
    uint8 model_sha256[kSha256Bytes];
};

// Whether the current user may use the hashers: SELECT on imagehash.hasher, or on its column "name", so that
// an owner can keep the weights to himself. ERROR 42501 if not.
void require_use_of_hashers();

// ERROR 55000 where the table of models does not belong to a superuser; what is shipped is trusted anyway.
void require_trusted_models();

// The model called `name`. ERROR 42704 where there is none, 42501 without SELECT on imagehash.image_model or
// its column "name", XX001 where the row is not as we wrote it, 55000 where the table does not belong to a
// superuser.
void find_model(const char *name, ModelRow *row);
// Its network, loaded. ERROR 58P01 where its file cannot be read, XX001 where it is another file now or makes
// embeddings of another length.
const LoadedModel *model_by_name(const char *name);

// Whether the table has a hasher of that name; no right is asked for.
bool hasher_exists(const char *name);
// The hasher called `name`, loaded. ERROR 42704 where there is none, 42501 as require_use_of_hashers(), XX001
// where the row is not as we wrote it.
const LoadedHasher *hasher_by_name(const char *name, HasherRow *row = nullptr);
// The network that makes a hasher's embeddings, loaded; errors name the model and its SHA-256. XX001 where
// the hasher takes embeddings of another length.
const LoadedModel *model_of_hasher(const HasherRow *row);

// What makes hashes of images: a hasher and the network that it is for.
struct ImageHasher {
    const LoadedModel *model;
    LoadedHasher hasher;
};

// Those that are shipped; no right is asked for.
ImageHasher shipped_image_hasher();
// Those of a name; errors as of hasher_by_name() and model_of_hasher().
ImageHasher image_hasher_by_name(const char *name);

}  // namespace imagehash::pg
