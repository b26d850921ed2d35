// imagehash_vision.so: functions of images. Loading it loads OpenCV and LibTorch, so nothing else lives here.
//
// In shared_preload_libraries it loads the models as well, once for all sessions, whose memory shares the
// pages. It must not leave a thread behind there: the postmaster forks.
#include <dlfcn.h>

#include "pg/server/settings.h"
#include "pg/catalog/model_files.h"

extern "C" {
#include "jit/jit.h"
#include "utils/resowner.h"
PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_init();
}

using namespace imagehash;

// A missing or damaged model must not keep the server down: a WARNING now, an ERROR in the session that needs
// it.
static void preload_models() {
    // The postmaster has no resource owner, and checksums need one.
    ResourceOwner saved = CurrentResourceOwner;
    CurrentResourceOwner = ResourceOwnerCreate(nullptr, "imagehash preload");
    pg::load_shipped(true, true, WARNING);
    vision::Status status = vision::settle_before_fork();
    if (!status.ok()) pg::report_status(WARNING, status, nullptr);
    ResourceOwner owner = CurrentResourceOwner;
    CurrentResourceOwner = saved;
    ResourceOwnerRelease(owner, RESOURCE_RELEASE_BEFORE_LOCKS, false, true);
    ResourceOwnerRelease(owner, RESOURCE_RELEASE_LOCKS, false, true);
    ResourceOwnerRelease(owner, RESOURCE_RELEASE_AFTER_LOCKS, false, true);
    ResourceOwnerDelete(owner);
}

// Some builds of LibTorch (Debian 13's) export functions of an LLVM of their own. PostgreSQL's JIT, loaded
// after them, would call those and end the session with "no targets are registered". Loaded before them it is
// safe; else this session goes without JIT, which has little to compile where a function takes milliseconds.
static void keep_jit_from_libtorch() {
    static char no_provider[] = "none";
    Dl_info where = {};
    void *function = dlsym(RTLD_DEFAULT, "LLVMCloneModule");
    if (function == nullptr || dladdr(function, &where) == 0 || where.dli_fname == nullptr) return;
    if (strstr(where.dli_fname, "libLLVM") != nullptr) return;
    jit_provider = no_provider;
}

extern "C" void _PG_init() {
    keep_jit_from_libtorch();
    vision::Status status = vision::quiet_vision_libraries();
    pg::check_status(status);
    pg::settings_of_imagehash();
    if (process_shared_preload_libraries_in_progress) preload_models();
}
