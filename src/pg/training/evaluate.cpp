// evaluate_hasher(): how well a hasher's codes rank what a query returns, beside the embeddings themselves;
// what it promises is said in sql/imagehash--X.Y.sql.
//
// Unpacks the arguments, reads the source, chooses the queries and returns the measures, which are taken in
// src/semantic/train/retrieval.cpp. Plain structs and palloc memory only: ereport jumps over these frames.
#include "pg/catalog/lookup.h"
#include "pg/images/embedding.h"
#include "pg/training/source_options.h"

#include <cmath>

extern "C" {
#include "utils/memutils.h"
}

#include "hamming/random.h"

using namespace imagehash;

constexpr double kDefaultQueries = 500, kDefaultQueryShare = 0.1;
constexpr int64 kFewQueries = 100;

namespace {

struct EvaluateArguments {
    pg::SourceOptions source;
    int64 k, precision_k, radius, rerank;
    double queries;  // below 1: share of the rows; 0: the default
    bool few_queries_told;
};

// Which rows of the source are queries, and which are searched.
struct QuerySplit {
    semantic::LearnSet queries, collection;
    size_t *query_rows;  // where each query is in the collection; null where none is part of it
};

}  // namespace

static void add_options(pg::OptionList *list, EvaluateArguments *a) {
    using K = pg::OptionKind;
    pg::add_option(
        list, {"queries",
               K::real,
               {0, 1e9, true},
               nullptr,
               "0.1, and at most 500 rows",
               "rows that are asked for, where no column says which: a number of them, or below 1 a share",
               &a->queries});
    pg::add_option(list, {"k", K::long_integer, {1, 1e9}, nullptr, "1000", "of mAP@k", &a->k});
    pg::add_option(list, {"precision_k",
                          K::long_integer,
                          {1, 1e9},
                          nullptr,
                          "10",
                          "of precision@k and neighbors kept@k",
                          &a->precision_k});
    pg::add_option(list, {"radius",
                          K::long_integer,
                          {0, pg::kMaxBits},
                          nullptr,
                          "bits / 4",
                          "of the recall, bits",
                          &a->radius});
    pg::add_option(list, {"rerank",
                          K::long_integer,
                          {1, 1e9},
                          nullptr,
                          "100",
                          "of the measures after re-ranking: first rows that are put into another order",
                          &a->rerank});
    pg::add_source_options(list, &a->source);
}

IMAGEHASH_FUNCTION(imagehash_evaluate_hasher_options) {
    EvaluateArguments arguments = {};
    pg::OptionList list = {};
    add_options(&list, &arguments);
    pg::return_options(fcinfo, &list);
    return 0;
}

static const pg::LoadedModel *model_of_source(const void *hasher) {
    return pg::model_of_hasher(static_cast<const pg::HasherRow *>(hasher));
}

static semantic::LearnSet copy_rows(const pg::SourceRows *rows, const size_t *chosen, size_t count) {
    Size length = rows->length;
    float *embeddings =
        static_cast<float *>(palloc_extended(sizeof(float) * length * Max(count, 1), MCXT_ALLOC_HUGE));
    int32 *labels =
        rows->labels ? static_cast<int32 *>(palloc_extended(sizeof(int32) * Max(count, 1), MCXT_ALLOC_HUGE))
                     : nullptr;
    for (size_t i = 0; i < count; i++) {
        memcpy(embeddings + i * length, rows->embeddings + chosen[i] * length, sizeof(float) * length);
        if (labels) labels[i] = rows->labels[chosen[i]];
    }
    return {embeddings, count, rows->length, nullptr, 0, labels};
}

static size_t *row_numbers(const pg::SourceRows *rows) {
    return static_cast<size_t *>(palloc_extended(sizeof(size_t) * Max(rows->rows, 1), MCXT_ALLOC_HUGE));
}

// As the third column says: queries and collection are two sets.
static QuerySplit split_by_column(const pg::SourceRows *rows) {
    size_t *queries = row_numbers(rows), *others = row_numbers(rows), query_count = 0, other_count = 0;
    for (int64 i = 0; i < rows->rows; i++) {
        if (rows->is_query[i])
            queries[query_count++] = i;
        else
            others[other_count++] = i;
    }
    if (query_count == 0 || other_count == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("source has %zu queries and %zu other rows, both are needed", query_count,
                               other_count)));
    return {copy_rows(rows, queries, query_count), copy_rows(rows, others, other_count), nullptr};
}

// How many queries are drawn of so many rows.
static double query_count(const EvaluateArguments *a, double rows) {
    double wanted = a->queries >= 1  ? std::floor(a->queries)
                    : a->queries > 0 ? std::ceil(a->queries * rows)
                                     : Min(kDefaultQueries, std::ceil(kDefaultQueryShare * rows));
    return Min(wanted, rows);
}

// The values that are averaged lie between 0 and 1: their standard deviation is at most a half.
static void warn_of_few_queries(EvaluateArguments *a, int64 queries, bool by_column) {
    if (queries < 1 || queries >= kFewQueries || a->few_queries_told) return;
    a->few_queries_told = true;
    ereport(WARNING,
            (errcode(ERRCODE_WARNING),
             errmsg_plural("%lld query is little to measure with", "%lld queries are few to measure with",
                           queries, static_cast<long long>(queries)),
             errdetail("The standard error of a mean over so few is up to %.3f.", 0.5 / std::sqrt(queries)),
             by_column ? errhint("Let the third column of the source say of more rows that they are queries.")
                       : errhint("Raise option \"queries\", up to the number of rows, or add rows.")));
}

static void check_before_reading(const pg::SourceOutline *outline, void *argument) {
    EvaluateArguments *a = static_cast<EvaluateArguments *>(argument);
    if (!outline->has_is_query)
        warn_of_few_queries(a, static_cast<int64>(query_count(a, static_cast<double>(outline->rows))), false);
}

// The queries that are averaged: where there are labels, those with a label.
static int64 averaged_queries(const semantic::LearnSet *queries) {
    int64 count = 0;
    for (size_t i = 0; i < queries->rows; i++)
        if (!queries->labels || queries->labels[i] >= 0) count++;
    return count;
}

// A draw from the rows, of those with a label where there are labels; each is left out of its own ranking
// only.
static QuerySplit draw_queries(const pg::SourceRows *rows, const EvaluateArguments *a) {
    size_t *from = row_numbers(rows), count = 0;
    for (int64 i = 0; i < rows->rows; i++)
        if (!rows->labels || rows->labels[i] >= 0) from[count++] = i;
    size_t drawn = static_cast<size_t>(query_count(a, static_cast<double>(count)));
    hamming::Random random(static_cast<uint64>(a->source.seed));
    for (size_t i = 0; i < drawn; i++) {
        size_t other = i + random.below(count - i), held = from[i];
        from[i] = from[other];
        from[other] = held;
    }
    semantic::LearnSet all = {rows->embeddings, static_cast<size_t>(rows->rows), rows->length, nullptr, 0,
                              rows->labels};
    return {copy_rows(rows, from, drawn), all, from};
}

static void return_metric(ReturnSetInfo *result, const char *metric, double code, double embedding) {
    Datum values[] = {CStringGetTextDatum(metric), Float8GetDatum(code), Float8GetDatum(embedding)};
    bool nulls[] = {false, std::isnan(code), std::isnan(embedding)};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void return_reranked(ReturnSetInfo *result, const char *by, const semantic::Quality *quality,
                            const EvaluateArguments *a) {
    const double none = std::nan("");
    const long long k = a->k, precision_k = a->precision_k, first = a->rerank;
    return_metric(result, psprintf("mAP@%lld, first %lld by %s", k, first, by), quality->map_at_k, none);
    return_metric(result, psprintf("precision@%lld, first %lld by %s", precision_k, first, by),
                  quality->precision_at_k, none);
}

static void return_metrics(ReturnSetInfo *result, const EvaluateArguments *a, const QuerySplit *split,
                           const semantic::Evaluation *e) {
    const double none = std::nan("");
    const long long k = a->k, precision_k = a->precision_k, radius = a->radius;
    const double queries = static_cast<double>(split->queries.rows);
    const double collection = static_cast<double>(split->collection.rows);
    return_metric(result, "mAP", e->code.map, e->embedding.map);
    return_metric(result, psprintf("mAP@%lld", k), e->code.map_at_k, e->embedding.map_at_k);
    return_metric(result, psprintf("precision@%lld", precision_k), e->code.precision_at_k,
                  e->embedding.precision_at_k);
    return_reranked(result, "logits", &e->reranked_by_logits, a);
    return_reranked(result, "embedding", &e->reranked_by_embedding, a);
    return_metric(result, psprintf("recall within %lld bits", radius), e->code.recall_within_radius, none);
    return_metric(result, psprintf("neighbors kept@%lld", precision_k), e->neighbors_kept, 1);
    return_metric(result, "mean bit imbalance", e->mean_bit_balance, none);
    return_metric(result, "worst bit imbalance", e->worst_bit_balance, none);
    return_metric(result, "mean bit correlation", e->mean_bit_correlation, none);
    return_metric(result, "queries", queries, queries);
    return_metric(result, "collection", collection, collection);
}

IMAGEHASH_FUNCTION(imagehash_evaluate_hasher) {
    char *name = pg::text_argument(fcinfo, 0, "name"), *query = pg::text_argument(fcinfo, 1, "source");
    EvaluateArguments arguments = {pg::kDefaultSourceOptions, 1000, 10, -1, 100, 0, false};
    pg::OptionList list = {};
    add_options(&list, &arguments);
    pg::read_source_options(pg::options_argument(fcinfo, 2), &list, &arguments.source);
    pg::refuse_restricted_operation("evaluate_hasher()");
    pg::HasherRow row;
    pg::LoadedHasher hasher = *pg::hasher_by_name(name, &row);
    if (arguments.radius < 0) arguments.radius = hasher.shape.bits / 4;
    InitMaterializedSRF(fcinfo, 0);

    MemoryContext work =
        AllocSetContextCreate(CurrentMemoryContext, "imagehash evaluation", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(work);
    pg::SourceRules rules = pg::source_rules(&arguments.source);
    rules.is_query_column = true;
    rules.length = hasher.shape.input;
    rules.model = model_of_source;
    rules.model_argument = &row;
    rules.check = check_before_reading;
    rules.check_argument = &arguments;
    pg::SourceRows rows;
    pg::read_source(query, &rules, &rows);
    if (rows.rows < 2)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("source has less than two rows to rank")));
    pg::tell_source(&rows);

    QuerySplit split = rows.is_query ? split_by_column(&rows) : draw_queries(&rows, &arguments);
    warn_of_few_queries(&arguments, averaged_queries(&split.queries), rows.is_query != nullptr);
    semantic::EvaluateOptions options;
    options.k = arguments.k;
    options.precision_k = arguments.precision_k;
    options.radius = static_cast<int>(arguments.radius);
    options.rerank = arguments.rerank;
    options.self = split.query_rows;
    // Reading the source may have run functions that load others: what was loaded is looked up again.
    hasher = *pg::hasher_by_name(name, &row);
    const semantic::Api &library = pg::semantic_library();
    pg::check_status(library.set_threads(pg::threads_of_session()));
    semantic::Evaluation evaluation;
    Status status = library.evaluate_hasher(hasher.hasher, split.queries, split.collection, options,
                                            pg::stop_requested, &evaluation);
    CHECK_FOR_INTERRUPTS();
    pg::check_status(status);
    MemoryContextSwitchTo(before);
    return_metrics(reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo), &arguments, &split, &evaluation);
    MemoryContextDelete(work);
    return 0;
}
