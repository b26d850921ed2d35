// imagehash.so: the type, its operators, the index, and the functions of images, which load the other two
// libraries when they are called. Links neither OpenCV nor LibTorch.
//
// In shared_preload_libraries it loads what imagehash.preload_libraries says, once for all sessions, whose
// memory shares the pages. It must not leave a thread behind there: the postmaster forks.
#include "index/planner/distance_clauses.h"
#include "index/store/options.h"
#include "index/store/test_point.h"
#include "pg/catalog/model_files.h"
#include "pg/server/errors.h"
#include "pg/server/libraries.h"
#include "pg/server/settings.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

extern "C" {
#include "utils/resowner.h"
PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_init();
}

using namespace imagehash;

// Loading frees large blocks. As holes in the heap they would be filled by the sessions, each of which would
// copy the pages of many holes: 26 MB while it hashes. So while libraries are loaded, malloc() maps large
// blocks one by one, and they are gone when freed: 18 MB. In sessions it must not: the activations of a
// network would cost a page fault every 4 kB. The size there is above the shipped network's largest
// activation, and one that glibc raises its limit to by itself.
constexpr int kMappedWhilePreloading = 128 * 1024, kMappedInSessions = 16 * 1024 * 1024;

static void map_blocks_from(int bytes) {
#ifdef __GLIBC__
    malloc_trim(0);
    mallopt(M_MMAP_THRESHOLD, bytes);
    mallopt(M_TRIM_THRESHOLD, 2 * bytes);
#else
    (void)bytes;
#endif
}

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

// A missing library or a damaged model must not keep the server down: a WARNING now, an ERROR in the session
// that needs it.
static void preload_libraries() {
    const bool wants_vision = pg::is_preloaded("vision"), wants_semantic = pg::is_preloaded("semantic");
    if (!wants_vision && !wants_semantic) return;
    map_blocks_from(kMappedWhilePreloading);
    const vision::Api *vision = wants_vision ? pg::load_vision(WARNING) : nullptr;
    const semantic::Api *semantic = wants_semantic ? pg::load_semantic(WARNING) : nullptr;
    if (vision) warn_of(vision->settle_before_fork());
    if (semantic) preload_shipped();
    map_blocks_from(kMappedInSessions);
}

extern "C" void _PG_init() {
#ifdef IMAGEHASH_TEST_POINTS
    index::define_test_points();
#endif
    pg::define_settings();
    index::define_options();
    pg::serve_distance_clauses();
    if (process_shared_preload_libraries_in_progress) preload_libraries();
}
