// The shipped weights: found in the share directory, checked against the hashes compiled in, loaded once a
// session.
#pragma once

#include "pg/imagehash.h"
#include "vision/api.h"

namespace imagehash::pg {

// Loads what is missing of the network and the hasher. Where that fails: ereport(elevel), and false if it
// returns; the next call tries again. Must run inside a resource owner.
bool load_models(bool network, bool hasher, int elevel);

// Method of the hashes that this network and hasher make; the hasher must be loaded.
Method semantic_method();

// ERROR if the status is not ok, with the SQLSTATE of its kind.
void check_status(const vision::Status &status);
void report_status(int elevel, const vision::Status &status, const char *path);

}  // namespace imagehash::pg
