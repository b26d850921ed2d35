// The two libraries that know no PostgreSQL, loaded when they are first needed, or at server start.
//
// Each is opened with dlopen() and shows one function, which returns its table (vision/api.h,
// semantic/api.h). Its symbols stay local to it (RTLD_LOCAL): Debian 13's LibTorch exports an LLVM of its
// own, and PostgreSQL's JIT must not find that one.
#pragma once

#include "pg/server/pg.h"
#include "semantic/api.h"
#include "vision/api.h"

namespace imagehash::pg {

// Loaded, or an ERROR: 58P01 where the library is not installed, 0A000 where it cannot be loaded or is of
// another release. A call that fails is tried anew by the next.
const vision::Api &vision_library();
const semantic::Api &semantic_library();

// The same with ereport(elevel); null where that returns.
const vision::Api *load_vision(int elevel);
const semantic::Api *load_semantic(int elevel);

// Where they lie or should lie: a file's absolute path (palloc).
char *vision_library_path();
char *semantic_library_path();

// Where the shipped weights lie (palloc), unless imagehash.model_directory says otherwise.
char *installed_model_directory();

}  // namespace imagehash::pg
