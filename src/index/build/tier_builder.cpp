// A tier of many rows is clustered: a sample of the rows is, all rows are assigned to the leaves that come of
// it, and sorted by leaf and radius. One of few rows is a single leaf, in the order in which the rows came.
// Where workers take part, they assign and sort.
#include "index/build/tier_builder.h"

#include <math.h>

#include "index/build/assignment.h"
#include "index/build/interruptible.h"
#include "index/build/parallel_build.h"
#include "index/build/tier_statistics.h"
#include "index/build/tier_writer.h"

extern "C" {
#include "commands/progress.h"
#include "common/pg_prng.h"
#include "utils/memutils.h"
}

namespace imagehash::index {

// Fewer rows than this are read as fast without a directory. Processor time of the ten nearest, clustered /
// not, real codes of 64 and of 256 bits, held-out queries: 3,000 rows 1.01 and 0.94, 6,000 rows 0.77 and
// 0.92, 100,000 rows 0.66 and 0.85.
constexpr int64 kWorthClustering = 6000;
constexpr int kSamplePerLeaf = 32;
constexpr int64 kFewestSamples = 2048;  // whatever the memory
constexpr uint64 kSeed = 20090701;

char *hamming_buildphasename(int64 phase) {
    switch (phase) {
        case kPhaseScan:
            return pstrdup("scanning table");
        case kPhaseCluster:
            return pstrdup("clustering a sample");
        case kPhaseAssign:
            return pstrdup("assigning hashes to leaves");
        case kPhaseSort:
            return pstrdup("sorting");
        case kPhaseWrite:
            return pstrdup("writing pages");
        default:
            return nullptr;
    }
}

static void enter_phase(const TierPlan &plan, BuildPhase phase, int64 total) {
    if (!plan.report_progress) return;
    pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, phase);
    pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, total);
    pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, 0);
}
static void report_done(const TierPlan &plan, int64 done) {
    if (plan.report_progress) pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, done);
}

// 300 codes a leaf at a million, 1200 at ten million: the directory grows slower than the data.
static double codes_per_leaf(int64 rows) {
    return 300 * Max(1.0, pow(static_cast<double>(rows) / 1e6, 0.6));
}

// --- sample and clustering ------------------------------------------------------------------------

// Draws `wanted` of the rows evenly, in order (Knuth, The Art of Computer Programming 2, 3.4.2 S).
static int64 draw_sample(RowStore *rows, int64 wanted, uint64 *sample) {
    auto chunk = static_cast<uint64 *>(palloc(kRowsAtOnce * row_size(rows->words)));
    pg_prng_state random;
    pg_prng_seed(&random, kSeed);
    int64 drawn = 0, seen = 0;
    int count;
    rewind_rows(rows);
    while ((count = next_rows(rows, chunk, kRowsAtOnce)) > 0) {
        CHECK_FOR_INTERRUPTS();
        for (int i = 0; i < count; i++, seen++) {
            if (pg_prng_double(&random) * static_cast<double>(rows->count - seen) >=
                static_cast<double>(wanted - drawn))
                continue;
            memcpy(sample + drawn++ * rows->words, chunk + i * (rows->words + 1),
                   rows->words * sizeof(uint64));
        }
    }
    pfree(chunk);
    return drawn;
}

// Of maintenance_work_mem, beside the rows: for the sample and what is made of it, then for the sort.
static int64 memory_left(const RowStore *rows) {
    return maintenance_work_mem * INT64CONST(1024) - row_store_memory(rows);
}

// Freed with the current memory context.
static const hamming::Clustering *cluster_rows(const TierPlan &plan, RowStore *rows) {
    enter_phase(plan, kPhaseCluster, rows->count);
    const int words = rows->words;
    double per_leaf = codes_per_leaf(rows->count);
    int64 wanted = static_cast<int64>(static_cast<double>(rows->count) / per_leaf) * kSamplePerLeaf;
    int64 affordable =
        Max(memory_left(rows), 0) / static_cast<int64>(hamming::clustering_memory_per_code(words));
    wanted = Min(Min(wanted, Max(affordable, kFewestSamples)), rows->count);
    auto sample = static_cast<uint64 *>(palloc_extended(wanted * words * sizeof(uint64), MCXT_ALLOC_HUGE));
    wanted = draw_sample(rows, wanted, sample);

    const int capacity = Layout::of_words(words).capacity;
    const hamming::ClusteringOptions options = {words,    plan.bits, static_cast<uint64>(rows->count),
                                                per_leaf, capacity,  kSeed};
    const auto *clustering = make_interruptibly<hamming::Clustering>(
        [&] { return hamming::cluster(sample, static_cast<size_t>(wanted), options, interrupt_is_pending); });
    if (clustering == nullptr)
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
                        errdetail("Failed while clustering " INT64_FORMAT " hashes.", wanted)));
    pfree(sample);
    return clustering;
}

// --- sorting and writing ------------------------------------------------------------------------

static void write_sorted(const TierPlan &plan, Tuplesortstate *sort, TierWriter *writer) {
    // Before PostgreSQL 16 each datum is a copy.
    MemoryContext copies =
        AllocSetContextCreate(CurrentMemoryContext, "hamming sorted rows", ALLOCSET_SMALL_SIZES);
    AssignedRow row;
    for (int64 done = 0;; done++) {
        if (done % kRowsAtOnce == 0) {
            CHECK_FOR_INTERRUPTS();
            MemoryContextReset(copies);
            report_done(plan, done);
        }
        MemoryContext old = MemoryContextSwitchTo(copies);
        bool found = next_assigned_row(sort, writer->words, &row);
        MemoryContextSwitchTo(old);
        if (!found) break;
        write_row(writer, row.leaf, row.radius, row.code, &row.tid);
    }
    MemoryContextDelete(copies);
}

// --- the whole ------------------------------------------------------------------------------------

static TierWriter *make_writer(const TierPlan &plan, int words, const uint64 *centroids,
                               const int64 *leaf_counts, uint32 tight_leaves, uint32 leaves) {
    auto writer = static_cast<TierWriter *>(palloc0(sizeof(TierWriter)));
    writer->index = plan.index;
    writer->logged = plan.next_serial == nullptr;
    writer->next_serial = plan.next_serial;
    writer->words = words;
    writer->centroids = centroids;
    writer->leaf_counts = leaf_counts;
    writer->tight_leaves = tight_leaves;
    writer->leaves = leaves;
    start_tier(writer);
    return writer;
}

// Bytes that clustering, counts and directory of a tier take while it is sorted and written.
static int64 tier_memory(int64 rows, int words, uint32 leaves) {
    int64 per_leaf = 4 * words * static_cast<int64>(sizeof(uint64)) + 64;
    return leaves * per_leaf + groups_for(rows) * 2 * static_cast<int64>(sizeof(int16));
}

static Tier build_clustered(const TierPlan &plan, RowStore *rows) {
    const int words = rows->words;
    const hamming::Clustering *clustering = cluster_rows(plan, rows);
    auto leaves = static_cast<uint32>(clustering->leaves());
    auto leaf_counts = static_cast<int64 *>(palloc0(sizeof(int64) * leaves));
    StatisticsSample *statistics = start_statistics(rows, plan.bits);
    enter_phase(plan, kPhaseAssign, rows->count);
    int64 sort_memory = memory_left(rows) - tier_memory(rows->count, words, leaves);
    Tuplesortstate *sort;
    if (plan.parallel != nullptr) {
        sort = assign_in_parallel(
            plan.parallel, {rows, clustering, nullptr, leaf_counts, statistics, nullptr, true}, sort_memory);
    } else {
        pg_atomic_uint64 done;
        pg_atomic_init_u64(&done, 0);
        sort = begin_assigned_sort(sort_memory, nullptr);
        assign_rows({rows, clustering, sort, leaf_counts, statistics, &done, plan.report_progress});
    }
    enter_phase(plan, kPhaseSort, rows->count);
    tuplesort_performsort(sort);
    enter_phase(plan, kPhaseWrite, rows->count);
    TierWriter *writer = make_writer(plan, words, clustering->centroid(0), leaf_counts,
                                     static_cast<uint32>(clustering->tight_leaves()), leaves);
    write_sorted(plan, sort, writer);
    tuplesort_end(sort);
    finish_codes(writer);
    Tier tier = finish_tier(writer, finish_statistics(statistics, *writer));
    tier.clustered_rows = rows->count;
    tier.radius_limit = static_cast<uint32>(clustering->radius_limit());
    return tier;
}

// One leaf with a bound that rules nothing out, in the order in which the rows came.
static Tier build_flat(const TierPlan &plan, RowStore *rows) {
    const int words = rows->words;
    enter_phase(plan, kPhaseWrite, rows->count);
    uint64 centroid[kMaxWords] = {};
    int64 leaf_count = rows->count;
    TierWriter *writer = make_writer(plan, words, centroid, &leaf_count, 0, 1);
    auto chunk = static_cast<uint64 *>(palloc(kRowsAtOnce * row_size(words)));
    int count;
    rewind_rows(rows);
    while ((count = next_rows(rows, chunk, kRowsAtOnce)) > 0) {
        CHECK_FOR_INTERRUPTS();
        for (int i = 0; i < count; i++) {
            const uint64 *row = chunk + i * (words + 1);
            ItemPointerData tid;
            unpack_tid(row[words], &tid);
            write_row(writer, 0, 0, row, &tid);
        }
        report_done(plan, writer->entries);
    }
    finish_codes(writer);
    widen_bounds(writer, static_cast<uint16>(plan.bits));
    return finish_tier(writer, flat_statistics());
}

Tier build_tier(const TierPlan &plan, RowStore *rows) {
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "hamming tier", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(context);
    Tier tier = plan.clustering && rows->count >= kWorthClustering ? build_clustered(plan, rows)
                                                                   : build_flat(plan, rows);
    MemoryContextSwitchTo(old);
    MemoryContextDelete(context);
    return tier;
}

}  // namespace imagehash::index
