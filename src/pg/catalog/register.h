// Enters hashers into the catalog, for those who make them. Must not decide who may: the caller has.
#pragma once

#include "base/types.h"
#include "pg/value/imagehash.h"

namespace imagehash::pg {

// Enters a hasher for the embeddings of the image model `model` as a row of imagehash.hasher, owned by the
// current user (EXECUTE with grant option on the function beside it), and returns its method. `file` is a
// file of src/semantic/hasher/hasher.h, checked here. `recipe` and `quality` are jsonb as text. ERROR 42710
// where the name exists, 22023 where the file is no hasher or does not fit the model.
Method store_hasher(const char *name, const char *model, Bytes file, const char *recipe, const char *quality);

}  // namespace imagehash::pg
