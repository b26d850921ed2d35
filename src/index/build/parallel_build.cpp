// The steps of a build, by participant: what all of them do, what they exchange, a worker, the leader.
#include "index/build/parallel_build.h"

#include "index/build/interruptible.h"
#include "index/store/test_point.h"

extern "C" {
#include "access/parallel.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "executor/instrument.h"
#include "storage/condition_variable.h"
#include "storage/spin.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
}

namespace imagehash::index {

namespace {

enum TocKey : uint64 {
    kSharedKey = 1,
    kScanKey = 2,
    kSortKey = 3,
    kQueryKey = 4,
    kBufferUsageKey = 5,
    kWalUsageKey = 6,
};

// What a participant has found in its share of the table; written by it before it counts as done.
struct Share {
    uint32 bits;
    uint32 method;
    int64 hashes;
    int64 nulls;
    double table_rows;
    bool misfit;
    bool broken_hot_chain;
};

enum class Step {
    scan,
    assign,
    leave,  // there is nothing to assign
};

// In shared memory, with a Share for each participant behind it: the workers by their number, then the
// leader.
struct SharedBuild {
    Oid heap;
    Oid index;
    bool concurrent;
    uint32 declared_bits;
    SharedFileSet files;
    pg_atomic_uint64 rows_assigned;
    ConditionVariable changed;  // of what the mutex guards
    slock_t mutex;
    Step step;          // set by the leader
    int scanned;        // participants that are through with it
    int assigned;       // likewise
    int64 sort_memory;  // bytes of each participant; set before the step to assign

    Share *share(int participant) { return reinterpret_cast<Share *>(this + 1) + participant; }
};

}  // namespace

struct ParallelBuild {
    ParallelContext *context;
    Snapshot snapshot;
    SharedBuild *shared;
    ParallelTableScanDesc scan;
    Sharedsort *sort;
    BufferUsage *buffer_usage;
    WalUsage *wal_usage;
    int leader;        // number of the leader as a participant
    int participants;  // that have been started, the leader included
    TableRows *own;    // the leader's share
};

// --- what every participant does --------------------------------------------------------------------

static void count_participant(SharedBuild *shared, int *done) {
    SpinLockAcquire(&shared->mutex);
    (*done)++;
    SpinLockRelease(&shared->mutex);
    ConditionVariableBroadcast(&shared->changed);
}

static TableRows *scan_share(Relation heap, Relation index, SharedBuild *shared, ParallelTableScanDesc scan,
                             int participant, bool report_progress) {
    IndexInfo *info = BuildIndexInfo(index);
    info->ii_Concurrent = shared->concurrent;
    auto rows = static_cast<TableRows *>(palloc0(sizeof(TableRows)));
    rows->meta = static_cast<Meta *>(palloc(sizeof(Meta)));
    make_meta(shared->declared_bits, rows->meta);
    rows->files = &shared->files.fs;
    rows->participant = participant;
    collect_table_rows(heap, index, info, table_beginscan_parallel(heap, scan), report_progress, rows);
    if (rows->hashes != nullptr) share_rows(rows->hashes);
    if (rows->nulls != nullptr) share_rows(rows->nulls);

    Share *share = shared->share(participant);
    share->bits = rows->meta->bits;
    share->method = rows->meta->method;
    share->hashes = rows->hashes != nullptr ? rows->hashes->count : 0;
    share->nulls = rows->nulls != nullptr ? rows->nulls->count : 0;
    share->table_rows = rows->table_rows;
    share->misfit = rows->misfit;
    share->broken_hot_chain = info->ii_BrokenHotChain;
    TEST_POINT("build-share-scanned");
    count_participant(shared, &shared->scanned);
    return rows;
}

static void sort_share(SharedBuild *shared, Sharedsort *sharedsort, AssignmentJob job) {
    auto coordinate = static_cast<SortCoordinate>(palloc0(sizeof(SortCoordinateData)));
    coordinate->isWorker = true;
    coordinate->nParticipants = -1;
    coordinate->sharedsort = sharedsort;
    job.sort = begin_assigned_sort(shared->sort_memory, coordinate);
    job.done = &shared->rows_assigned;
    if (job.rows != nullptr) assign_rows(job);
    tuplesort_performsort(job.sort);
    TEST_POINT("build-share-sorted");
    tuplesort_end(job.sort);  // what it sorted stays in the shared files
}

// --- what they exchange -----------------------------------------------------------------------------

constexpr const char *kPlanFileName = "plan";
static void counts_file_name(int participant, char *name) {
    snprintf(name, kFileNameSize, "counts.%d", participant);
}

static void read_exactly(BufFile *file, void *data, Size size) {
    if (BufFileRead(file, data, size) != size)
        ereport(ERROR, (errcode_for_file_access(), errmsg("could not read from temporary file")));
}

// The plan: size and bytes of the clustering; size and bytes of the statistics, without rows yet.
static void write_plan(SharedBuild *shared, const AssignmentJob &job) {
    Size size = job.clustering->packed_size();
    auto bytes = static_cast<char *>(palloc_extended(size, MCXT_ALLOC_HUGE));
    job.clustering->pack(bytes);
    BufFile *file = BufFileCreateFileSet(&shared->files.fs, kPlanFileName);
    BufFileWrite(file, &size, sizeof size);
    BufFileWrite(file, bytes, size);
    size = statistics_size(job.statistics);
    BufFileWrite(file, &size, sizeof size);
    BufFileWrite(file, job.statistics, size);
    BufFileExportFileSet(file);
    BufFileClose(file);
    pfree(bytes);
}

static void *read_sized(BufFile *file) {
    Size size;
    read_exactly(file, &size, sizeof size);
    void *bytes = palloc_extended(size, MCXT_ALLOC_HUGE);
    read_exactly(file, bytes, size);
    return bytes;
}

static void read_plan(SharedBuild *shared, AssignmentJob *job) {
    BufFile *file = BufFileOpenFileSet(&shared->files.fs, kPlanFileName, O_RDONLY, false);
    auto bytes = static_cast<char *>(read_sized(file));
    job->statistics = place_statistics(read_sized(file));
    BufFileClose(file);
    job->clustering =
        make_interruptibly<hamming::Clustering>([bytes] { return hamming::Clustering::unpack(bytes); });
    if (job->clustering == nullptr) ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
    pfree(bytes);
    job->leaf_counts = static_cast<int64 *>(
        palloc_extended(sizeof(int64) * job->clustering->leaves(), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
}

static void write_counts(SharedBuild *shared, int participant, const AssignmentJob &job) {
    char name[kFileNameSize];
    counts_file_name(participant, name);
    BufFile *file = BufFileCreateFileSet(&shared->files.fs, name);
    BufFileWrite(file, job.leaf_counts, sizeof(int64) * job.clustering->leaves());
    BufFileWrite(file, job.statistics, statistics_size(job.statistics));
    BufFileExportFileSet(file);
    BufFileClose(file);
}

static void add_counts(SharedBuild *shared, int participant, const AssignmentJob &job) {
    char name[kFileNameSize];
    counts_file_name(participant, name);
    BufFile *file = BufFileOpenFileSet(&shared->files.fs, name, O_RDONLY, false);
    for (size_t l = 0; l < job.clustering->leaves(); l++) {
        int64 count;
        read_exactly(file, &count, sizeof count);
        job.leaf_counts[l] += count;
    }
    Size size = statistics_size(job.statistics);
    void *other = palloc(size);
    read_exactly(file, other, size);
    merge_statistics(job.statistics, place_statistics(other));
    pfree(other);
    BufFileClose(file);
}

// --- a worker ---------------------------------------------------------------------------------------

static Step wait_for_step(SharedBuild *shared) {
    Step step;
    for (;;) {
        SpinLockAcquire(&shared->mutex);
        step = shared->step;
        SpinLockRelease(&shared->mutex);
        if (step != Step::scan) break;
        ConditionVariableSleep(&shared->changed, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
    }
    ConditionVariableCancelSleep();
    return step;
}

static void take_part(Relation heap, Relation index, SharedBuild *shared, shm_toc *toc) {
    auto scan = static_cast<ParallelTableScanDesc>(shm_toc_lookup(toc, kScanKey, false));
    auto sort = static_cast<Sharedsort *>(shm_toc_lookup(toc, kSortKey, false));
    TableRows *rows = scan_share(heap, index, shared, scan, ParallelWorkerNumber, false);
    if (wait_for_step(shared) == Step::assign) {
        AssignmentJob job = {};
        job.rows = rows->hashes;
        read_plan(shared, &job);
        sort_share(shared, sort, job);
        write_counts(shared, ParallelWorkerNumber, job);
        count_participant(shared, &shared->assigned);
    }
    free_table_rows(rows);
}

static void worker_main(dsm_segment *segment, shm_toc *toc) {
    debug_query_string = static_cast<const char *>(shm_toc_lookup(toc, kQueryKey, true));
    pgstat_report_activity(STATE_RUNNING, debug_query_string);
    auto shared = static_cast<SharedBuild *>(shm_toc_lookup(toc, kSharedKey, false));
    SharedFileSetAttach(&shared->files, segment);
    tuplesort_attach_shared(static_cast<Sharedsort *>(shm_toc_lookup(toc, kSortKey, false)), segment);
    // The locks that the leader holds.
    LOCKMODE heap_lock = shared->concurrent ? ShareUpdateExclusiveLock : ShareLock;
    LOCKMODE index_lock = shared->concurrent ? RowExclusiveLock : AccessExclusiveLock;
    Relation heap = table_open(shared->heap, heap_lock);
    Relation index = index_open(shared->index, index_lock);

    InstrStartParallelQuery();
    take_part(heap, index, shared, toc);
    auto buffer_usage = static_cast<BufferUsage *>(shm_toc_lookup(toc, kBufferUsageKey, false));
    auto wal_usage = static_cast<WalUsage *>(shm_toc_lookup(toc, kWalUsageKey, false));
    InstrEndParallelQuery(&buffer_usage[ParallelWorkerNumber], &wal_usage[ParallelWorkerNumber]);

    index_close(index, index_lock);
    table_close(heap, heap_lock);
}

// --- the leader -------------------------------------------------------------------------------------

static void *add_chunk(ParallelContext *context, TocKey key, Size size) {
    void *chunk = shm_toc_allocate(context->toc, size);
    shm_toc_insert(context->toc, key, chunk);
    return chunk;
}

static void fill_shared(ParallelBuild *build, Relation heap, Relation index, const Meta &meta) {
    SharedBuild *shared = build->shared;
    shared->heap = RelationGetRelid(heap);
    shared->index = RelationGetRelid(index);
    shared->declared_bits = meta.bits;
    shared->step = Step::scan;
    pg_atomic_init_u64(&shared->rows_assigned, 0);
    ConditionVariableInit(&shared->changed);
    SpinLockInit(&shared->mutex);
    SharedFileSetInit(&shared->files, build->context->seg);
    table_parallelscan_initialize(heap, build->scan, build->snapshot);
    tuplesort_initialize_shared(build->sort, build->leader + 1, build->context->seg);
}

// False where there is no shared memory to be had.
static bool share_memory(ParallelBuild *build, Relation heap) {
    ParallelContext *context = build->context;
    const int workers = context->nworkers;
    const Size sizes[] = {
        sizeof(SharedBuild) + sizeof(Share) * (workers + 1),
        table_parallelscan_estimate(heap, build->snapshot),
        tuplesort_estimate_shared(workers + 1),
        sizeof(BufferUsage) * workers,
        sizeof(WalUsage) * workers,
        debug_query_string != nullptr ? strlen(debug_query_string) + 1 : 1,
    };
    for (Size size : sizes) {
        shm_toc_estimate_chunk(&context->estimator, size);
        shm_toc_estimate_keys(&context->estimator, 1);
    }
    InitializeParallelDSM(context);
    if (context->seg == nullptr) return false;
    build->shared = static_cast<SharedBuild *>(add_chunk(context, kSharedKey, sizes[0]));
    memset(static_cast<void *>(build->shared), 0, sizes[0]);
    build->scan = static_cast<ParallelTableScanDesc>(add_chunk(context, kScanKey, sizes[1]));
    build->sort = static_cast<Sharedsort *>(add_chunk(context, kSortKey, sizes[2]));
    build->buffer_usage = static_cast<BufferUsage *>(add_chunk(context, kBufferUsageKey, sizes[3]));
    build->wal_usage = static_cast<WalUsage *>(add_chunk(context, kWalUsageKey, sizes[4]));
    if (debug_query_string != nullptr)
        memcpy(add_chunk(context, kQueryKey, sizes[5]), debug_query_string, sizes[5]);
    return true;
}

static void leave_parallel_mode(ParallelBuild *build) {
    if (IsMVCCSnapshot(build->snapshot)) UnregisterSnapshot(build->snapshot);
    DestroyParallelContext(build->context);
    ExitParallelMode();
}

static ParallelBuild *start_workers(Relation heap, Relation index, IndexInfo *info, const Meta &meta,
                                    int workers) {
    auto build = static_cast<ParallelBuild *>(palloc0(sizeof(ParallelBuild)));
    EnterParallelMode();
    build->context = CreateParallelContext("imagehash", "hamming_parallel_build_main", workers);
    build->snapshot = info->ii_Concurrent ? RegisterSnapshot(GetTransactionSnapshot()) : SnapshotAny;
    build->leader = workers;
    if (!share_memory(build, heap)) {
        leave_parallel_mode(build);
        return nullptr;
    }
    fill_shared(build, heap, index, meta);
    build->shared->concurrent = info->ii_Concurrent;
    LaunchParallelWorkers(build->context);
    build->participants = build->context->nworkers_launched + 1;
    if (build->context->nworkers_launched == 0) {
        end_parallel_build(build);
        return nullptr;
    }
    ereport(DEBUG1, (errmsg("using %d parallel workers", build->context->nworkers_launched)));
    return build;
}

static void set_step(SharedBuild *shared, Step step) {
    SpinLockAcquire(&shared->mutex);
    shared->step = step;
    SpinLockRelease(&shared->mutex);
    ConditionVariableBroadcast(&shared->changed);
}

// Until every participant is through. A worker's error is raised here.
static void wait_for_participants(ParallelBuild *build, const int *done, bool report_assigned) {
    SharedBuild *shared = build->shared;
    const long report_ms = 100;
    for (;;) {
        SpinLockAcquire(&shared->mutex);
        bool all = *done == build->participants;
        SpinLockRelease(&shared->mutex);
        if (all) break;
        if (report_assigned)
            pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE,
                                         static_cast<int64>(pg_atomic_read_u64(&shared->rows_assigned)));
        ConditionVariableTimedSleep(&shared->changed, report_ms, WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
    }
    ConditionVariableCancelSleep();
}

// The numbers of participants are those of the workers that run, and the leader's.
static int participant_number(const ParallelBuild *build, int i) {
    return i + 1 < build->participants ? i : build->leader;
}

// False where the shares do not fit together.
static bool combine_shares(const ParallelBuild *build, Meta *meta, bool *broken_hot_chain) {
    Meta combined = *meta;
    for (int i = 0; i < build->participants; i++) {
        const Share *share = build->shared->share(participant_number(build, i));
        if (share->misfit) return false;
        if (share->broken_hot_chain) *broken_hot_chain = true;
        if (share->hashes == 0) continue;
        Entry entry = {};
        entry.bits = static_cast<int>(share->bits);
        entry.method = share->method;
        adopt_entry(&combined, entry);
        if (!entry_fits(combined.bits, combined.method, entry)) return false;
    }
    *meta = combined;
    return true;
}

static void join_rows(RowStore **store, int words, FileSet *set, const char *name, int64 count) {
    if (count == 0) return;
    if (*store == nullptr) *store = make_joined_row_store(words);
    join_shared_rows(*store, set, name, count);
}

static TableRows *join_shares(const ParallelBuild *build, Meta *meta) {
    auto rows = static_cast<TableRows *>(palloc0(sizeof(TableRows)));
    FileSet *set = &build->shared->files.fs;
    rows->meta = meta;
    for (int i = 0; i < build->participants; i++) {
        const int participant = participant_number(build, i);
        const Share *share = build->shared->share(participant);
        char name[kFileNameSize];
        hashes_file_name(participant, name);
        join_rows(&rows->hashes, meta->words(), set, name, share->hashes);
        nulls_file_name(participant, name);
        join_rows(&rows->nulls, 0, set, name, share->nulls);
        rows->table_rows += share->table_rows;
    }
    return rows;
}

ParallelBuild *begin_parallel_build(Relation heap, Relation index, IndexInfo *info, Meta *meta,
                                    TableRows **rows) {
    const int workers = pg::parallel_build_workers(heap, index, info);
    if (workers == 0) return nullptr;
    ParallelBuild *build = start_workers(heap, index, info, *meta, workers);
    if (build == nullptr) return nullptr;
    build->own = scan_share(heap, index, build->shared, build->scan, build->leader, true);
    WaitForParallelWorkersToAttach(build->context);
    wait_for_participants(build, &build->shared->scanned, false);
    if (!combine_shares(build, meta, &info->ii_BrokenHotChain)) {
        end_parallel_build(build);
        return nullptr;
    }
    *rows = join_shares(build, meta);
    return build;
}

Tuplesortstate *assign_in_parallel(ParallelBuild *build, AssignmentJob job, int64 memory) {
    SharedBuild *shared = build->shared;
    write_plan(shared, job);
    auto held = static_cast<int64>(job.clustering->packed_size() + statistics_size(job.statistics));
    shared->sort_memory = memory / build->participants - held;
    set_step(shared, Step::assign);
    job.rows = build->own->hashes;
    sort_share(shared, build->sort, job);
    count_participant(shared, &shared->assigned);
    wait_for_participants(build, &shared->assigned, job.report_progress);
    for (int worker = 0; worker + 1 < build->participants; worker++) add_counts(shared, worker, job);

    auto coordinate = static_cast<SortCoordinate>(palloc0(sizeof(SortCoordinateData)));
    coordinate->isWorker = false;
    coordinate->nParticipants = build->participants;
    coordinate->sharedsort = build->sort;
    return begin_assigned_sort(memory, coordinate);
}

void end_parallel_build(ParallelBuild *build) {
    if (build->shared->step == Step::scan) set_step(build->shared, Step::leave);
    if (build->own != nullptr) free_table_rows(build->own);
    WaitForParallelWorkersToFinish(build->context);
    for (int i = 0; i < build->context->nworkers_launched; i++)
        InstrAccumParallelQuery(&build->buffer_usage[i], &build->wal_usage[i]);
    leave_parallel_mode(build);
    pfree(build);
}

}  // namespace imagehash::index

// What a parallel worker runs; PostgreSQL finds it by its name.
extern "C" PGDLLEXPORT void hamming_parallel_build_main(dsm_segment *segment, shm_toc *toc) {
    imagehash::index::worker_main(segment, toc);
}
