// Makes the n-th allocation of memory fail, or the n-th write that makes a file of the data directory longer:
// for t/023, by LD_PRELOAD and glibc.
//
// The server is started with this library in LD_PRELOAD, and a session loads the functions below from the
// same file. What is armed lies in memory that the postmaster shares with its children: it is for the backend
// that armed it, with its threads, and for parallel workers. Allocations are those of malloc() and its kin,
// from which both palloc() and operator new take theirs.
//
//   fail_nth(kind, n)  arms: kind 1 memory, 2 longer files. n = 0 only counts.
//   fail_count()       disarms, and says how many were counted; n or more: the n-th has failed.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>

extern "C" {
#include "postgres.h"
#include "fmgr.h"
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#undef snprintf  // programs that are not PostgreSQL's have no pg_snprintf()
PG_MODULE_MAGIC;

// The library is loaded into every program that the server starts.
extern __attribute__((weak)) int ParallelWorkerNumber;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
}

namespace {

enum Kind { kNothing = 0, kMemory = 1, kLongerFile = 2 };

struct Armed {
    std::atomic<int> kind;
    std::atomic<int> pid;
    std::atomic<long> nth;
    std::atomic<long> count;
};

}  // namespace

static Armed *armed;

__attribute__((constructor)) static void share() {
    void *memory = mmap(nullptr, sizeof(Armed), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED) armed = static_cast<Armed *>(memory);
}

static bool fails(Kind kind) {
    if (armed == nullptr || armed->kind != kind) return false;
    const bool is_worker = &ParallelWorkerNumber != nullptr && ParallelWorkerNumber >= 0;
    if (!is_worker && armed->pid != getpid()) return false;
    return ++armed->count == armed->nth;
}

// --- memory ---------------------------------------------------------------------------------------

static void *out_of_memory() {
    errno = ENOMEM;
    return nullptr;
}

extern "C" {
PGDLLEXPORT void *malloc(size_t size) {
    return fails(kMemory) ? out_of_memory() : __libc_malloc(size);
}
PGDLLEXPORT void *calloc(size_t count, size_t size) {
    return fails(kMemory) ? out_of_memory() : __libc_calloc(count, size);
}
PGDLLEXPORT void *realloc(void *old, size_t size) {
    return fails(kMemory) ? out_of_memory() : __libc_realloc(old, size);
}
PGDLLEXPORT void *memalign(size_t alignment, size_t size) {
    return fails(kMemory) ? out_of_memory() : __libc_memalign(alignment, size);
}
PGDLLEXPORT void *aligned_alloc(size_t alignment, size_t size) {
    return fails(kMemory) ? out_of_memory() : __libc_memalign(alignment, size);
}
PGDLLEXPORT int posix_memalign(void **memory, size_t alignment, size_t size) {
    if (fails(kMemory)) return ENOMEM;
    *memory = __libc_memalign(alignment, size);
    return *memory != nullptr ? 0 : ENOMEM;
}
}

// --- longer files ---------------------------------------------------------------------------------

// Files of relations, and temporary ones; never WAL, of which PostgreSQL says itself that a failed write ends
// the server.
static bool is_data(int file) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    const ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return false;
    path[length] = '\0';
    return strstr(path, "/base/") != nullptr || strstr(path, "/pg_tblspc/") != nullptr;
}

static bool is_full(int file, off_t end) {
    if (armed == nullptr || armed->kind != kLongerFile) return false;
    struct stat status;
    if (fstat(file, &status) != 0 || end <= status.st_size || !is_data(file) || !fails(kLongerFile))
        return false;
    errno = ENOSPC;
    return true;
}

template <class Function>
static Function *real(Function * /* like */, const char *name) {
    return reinterpret_cast<Function *>(dlsym(RTLD_NEXT, name));
}

static off_t end_of(const iovec *parts, int count, off_t start) {
    for (int i = 0; i < count; i++) start += static_cast<off_t>(parts[i].iov_len);
    return start;
}

static ssize_t write_unless_full(int file, const void *data, size_t size, off_t start) {
    static auto real_pwrite = real(&pwrite, "pwrite64");
    return is_full(file, start + static_cast<off_t>(size)) ? -1 : real_pwrite(file, data, size, start);
}
static ssize_t writev_unless_full(int file, const iovec *parts, int count, off_t start) {
    static auto real_pwritev = real(&pwritev, "pwritev64");
    return is_full(file, end_of(parts, count, start)) ? -1 : real_pwritev(file, parts, count, start);
}
static int allocate_unless_full(int file, off_t start, off_t size) {
    static auto real_fallocate = real(&posix_fallocate, "posix_fallocate64");
    return is_full(file, start + size) ? ENOSPC : real_fallocate(file, start, size);
}

extern "C" {
PGDLLEXPORT ssize_t pwrite(int file, const void *data, size_t size, off_t start) {
    return write_unless_full(file, data, size, start);
}
PGDLLEXPORT ssize_t pwrite64(int file, const void *data, size_t size, off_t start) {
    return write_unless_full(file, data, size, start);
}
PGDLLEXPORT ssize_t pwritev(int file, const iovec *parts, int count, off_t start) {
    return writev_unless_full(file, parts, count, start);
}
PGDLLEXPORT ssize_t pwritev64(int file, const iovec *parts, int count, off_t start) {
    return writev_unless_full(file, parts, count, start);
}
PGDLLEXPORT int posix_fallocate(int file, off_t start, off_t size) {
    return allocate_unless_full(file, start, size);
}
PGDLLEXPORT int posix_fallocate64(int file, off_t start, off_t size) {
    return allocate_unless_full(file, start, size);
}

// --- functions of SQL -----------------------------------------------------------------------------

PG_FUNCTION_INFO_V1(fail_nth);
PGDLLEXPORT Datum fail_nth(PG_FUNCTION_ARGS) {
    if (armed == nullptr) PG_RETURN_VOID();
    armed->pid = getpid();
    armed->nth = PG_GETARG_INT64(1);
    armed->count = 0;
    armed->kind = PG_GETARG_INT32(0);
    PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(fail_count);
PGDLLEXPORT Datum fail_count(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    if (armed == nullptr) PG_RETURN_INT64(0);
    armed->kind = kNothing;
    PG_RETURN_INT64(armed->count);
}
}
