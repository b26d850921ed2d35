// Operator classes, as PostgreSQL has them checked (amvalidate).
#pragma once

#include "pg/server/pg.h"

namespace imagehash::index {

bool hamming_validate(Oid opclass);

}  // namespace imagehash::index
