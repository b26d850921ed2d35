// How the functions that make one hash of an image end: with the hash or an ERROR, or, the try_ functions,
// with the hash or NULL and the reason, for loading a dirty collection.
//
// The reason comes from the Status that the libraries return, so no subtransaction is needed, and a plan that
// uses try_ functions can be parallel.
#pragma once

#include "base/status.h"
#include "pg/value/imagehash.h"

namespace imagehash::pg {

struct HashOutcome {
    ImageHash *hash;  // null unless ok
    Status status;
};

// The hash, or an ERROR.
Datum hash_or_error(const HashOutcome &outcome);

// The row (hash, sqlstate, error) of the type that the called function says it returns: a hash and nulls, or
// NULL and why. Only what is wrong with the image becomes a row; a cancel, exhausted memory or a damaged
// model file stay errors, which another image would not avoid.
Datum hash_or_reason(FunctionCallInfo fcinfo, const HashOutcome &outcome);

}  // namespace imagehash::pg
