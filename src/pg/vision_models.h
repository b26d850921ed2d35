// The shipped weights: found in the share directory, checked against the hashes compiled in, loaded once a
// session.
#pragma once

#include "pg/imagehash.h"
#include "vision/api.h"

namespace imagehash::pg {

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

// ERROR if the status is not ok, with the SQLSTATE of its kind.
void check_status(const vision::Status &status);
void report_status(int elevel, const vision::Status &status, const char *path);

}  // namespace imagehash::pg
