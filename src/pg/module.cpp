// imagehash.so: the type, its operators, the index, and the functions of images, which load the other two
// libraries when they are called. Links neither OpenCV nor LibTorch.
//
// In shared_preload_libraries it loads what imagehash.preload_libraries says, once for all sessions, whose memory
// shares the pages. It must not leave a thread behind there: the postmaster forks.
#include "index/planner/distance_clauses.h"
#include "index/store/options.h"
#include "pg/catalog/model_files.h"
#include "pg/server/errors.h"
#include "pg/server/libraries.h"
#include "pg/server/settings.h"

extern "C" {
#include "utils/resowner.h"
PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_init();
}

using namespace imagehash;

static void warn_of(const Status &status) {
    if (!status.ok()) pg::report_status(WARNING, status, nullptr);
}

// The postmaster has no resource owner, and checksums of model files need one.
static void preload_shipped() {
    ResourceOwner saved = CurrentResourceOwner;
    CurrentResourceOwner = ResourceOwnerCreate(nullptr, "imagehash preload");
    pg::load_shipped(true, true, WARNING);
    ResourceOwner owner = CurrentResourceOwner;
    CurrentResourceOwner = saved;
    ResourceOwnerRelease(owner, RESOURCE_RELEASE_BEFORE_LOCKS, false, true);
    ResourceOwnerRelease(owner, RESOURCE_RELEASE_LOCKS, false, true);
    ResourceOwnerRelease(owner, RESOURCE_RELEASE_AFTER_LOCKS, false, true);
    ResourceOwnerDelete(owner);
}

// A missing library or a damaged model must not keep the server down: a WARNING now, an ERROR in the session that
// needs it.
static void preload_libraries() {
    const vision::Api *vision = pg::is_preloaded("vision") ? pg::load_vision(WARNING) : nullptr;
    const semantic::Api *semantic = pg::is_preloaded("semantic") ? pg::load_semantic(WARNING) : nullptr;
    if (vision) warn_of(vision->settle_before_fork());
    if (semantic) {
        preload_shipped();
        warn_of(semantic->settle_before_fork());
    }
}

extern "C" void _PG_init() {
    pg::define_settings();
    index::define_options();
    pg::serve_distance_clauses();
    if (process_shared_preload_libraries_in_progress) preload_libraries();
}
