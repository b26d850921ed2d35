// evaluate_hasher(): how well a hasher's codes rank what a query returns, beside the embeddings themselves;
// what it promises is said in sql/imagehash--X.Y.sql.
//
// Only unpacks, chooses the queries and packs: the measures are in src/vision. Plain structs and palloc
// memory only: ereport jumps over these frames.
#include "pg/images/embedding.h"
#include "pg/catalog/lookup.h"
#include "pg/training/training.h"

#include <cmath>

extern "C" {
#include "utils/memutils.h"
}

#include "hamming/random.h"

using namespace imagehash;

namespace {

constexpr double kDefaultQueries = 500, kDefaultQueryShare = 0.1;
constexpr int64 kFewQueries = 100;

struct EvaluateArguments {
    pg::SourceOptions source;
    int64 k, precision_k, radius;
    double queries;  // below 1: share of the rows; 0: the default
    bool few_queries_told;
};

// Rows that are asked for. `self`: where each is in the collection, null where queries are not part of it.
struct Questions {
    semantic::LearnSet queries, collection;
    size_t *self;
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
    pg::add_source_options(list, &a->source);
}

IMAGEHASH_FUNCTION(imagehash_evaluate_hasher_options) {
    EvaluateArguments arguments = {};
    pg::OptionList list = {};
    add_options(&list, &arguments);
    pg::put_options(fcinfo, &list);
    return 0;
}

static const pg::LoadedModel *model_of_source(const void *hasher) {
    return pg::model_of_hasher(static_cast<const pg::HasherRow *>(hasher));
}

// Copies of the chosen rows.
static semantic::LearnSet take_rows(const pg::SourceRows *rows, const size_t *chosen, size_t count) {
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
static Questions split_by_column(const pg::SourceRows *rows) {
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
    return {take_rows(rows, queries, query_count), take_rows(rows, others, other_count), nullptr};
}

// How many are drawn of so many rows.
static double queries_of(const EvaluateArguments *a, double rows) {
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
        warn_of_few_queries(a, static_cast<int64>(queries_of(a, static_cast<double>(outline->rows))), false);
}

// Of queries with a label, where there are labels: others are not averaged.
static int64 count_queries(const semantic::LearnSet *queries) {
    int64 count = 0;
    for (size_t i = 0; i < queries->rows; i++)
        if (!queries->labels || queries->labels[i] >= 0) count++;
    return count;
}

// A draw from the rows, of those with a label where there are labels; each is left out of its own ranking
// only.
static Questions draw_queries(const pg::SourceRows *rows, const EvaluateArguments *a) {
    size_t *from = row_numbers(rows), count = 0;
    for (int64 i = 0; i < rows->rows; i++)
        if (!rows->labels || rows->labels[i] >= 0) from[count++] = i;
    size_t drawn = static_cast<size_t>(queries_of(a, static_cast<double>(count)));
    hamming::Random random(static_cast<uint64>(a->source.seed));
    for (size_t i = 0; i < drawn; i++) {
        size_t other = i + random.below(count - i), held = from[i];
        from[i] = from[other];
        from[other] = held;
    }
    semantic::LearnSet all = {rows->embeddings, static_cast<size_t>(rows->rows), rows->length, nullptr, 0,
                            rows->labels};
    return {take_rows(rows, from, drawn), all, from};
}

static void put(ReturnSetInfo *result, const char *metric, double code, double embedding) {
    Datum values[] = {CStringGetTextDatum(metric), Float8GetDatum(code), Float8GetDatum(embedding)};
    bool nulls[] = {false, std::isnan(code), std::isnan(embedding)};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void put_evaluation(ReturnSetInfo *result, const EvaluateArguments *a, const Questions *questions,
                           const semantic::Evaluation *e) {
    double none = std::nan("");
    put(result, "mAP", e->code.map, e->embedding.map);
    put(result, psprintf("mAP@%lld", static_cast<long long>(a->k)), e->code.map_at_k, e->embedding.map_at_k);
    put(result, psprintf("precision@%lld", static_cast<long long>(a->precision_k)), e->code.precision_at_k,
        e->embedding.precision_at_k);
    put(result, psprintf("recall within %lld bits", static_cast<long long>(a->radius)),
        e->code.recall_within_radius, none);
    put(result, psprintf("neighbors kept@%lld", static_cast<long long>(a->precision_k)), e->neighbors_kept,
        1);
    put(result, "mean bit imbalance", e->mean_bit_balance, none);
    put(result, "worst bit imbalance", e->worst_bit_balance, none);
    put(result, "mean bit correlation", e->mean_bit_correlation, none);
    put(result, "queries", static_cast<double>(questions->queries.rows),
        static_cast<double>(questions->queries.rows));
    put(result, "collection", static_cast<double>(questions->collection.rows),
        static_cast<double>(questions->collection.rows));
}

IMAGEHASH_FUNCTION(imagehash_evaluate_hasher) {
    char *name = pg::text_argument(fcinfo, 0, "name"), *query = pg::text_argument(fcinfo, 1, "source");
    EvaluateArguments arguments = {pg::kDefaultSourceOptions, 1000, 10, -1, 0, false};
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

    Questions questions = rows.is_query ? split_by_column(&rows) : draw_queries(&rows, &arguments);
    warn_of_few_queries(&arguments, count_queries(&questions.queries), rows.is_query != nullptr);
    semantic::EvaluateOptions options;
    options.k = arguments.k;
    options.precision_k = arguments.precision_k;
    options.radius = static_cast<int>(arguments.radius);
    options.self = questions.self;
    // Reading the source may have run functions that load others: what was loaded is looked up again.
    hasher = *pg::hasher_by_name(name, &row);
    pg::check_status(pg::semantic_library().set_threads(pg::threads_of_session()));
    semantic::Evaluation evaluation;
    Status status = pg::semantic_library().evaluate_hasher(hasher.hasher, questions.queries, questions.collection,
                                                    options, pg::stop_requested, &evaluation);
    CHECK_FOR_INTERRUPTS();
    pg::check_status(status);
    MemoryContextSwitchTo(before);
    put_evaluation(reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo), &arguments, &questions,
                   &evaluation);
    MemoryContextDelete(work);
    return 0;
}
