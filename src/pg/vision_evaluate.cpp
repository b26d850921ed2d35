// evaluate_hasher(): how well a hasher's codes rank what a query returns, beside the embeddings themselves;
// what it promises is said in sql/imagehash--X.Y.sql.
//
// Only unpacks, chooses the queries and packs: the measures are in src/vision. Plain structs and palloc
// memory only: ereport jumps over these frames.
#include "pg/vision_arguments.h"
#include "pg/vision_catalogue.h"
#include "pg/vision_training.h"
#include "vision/learn.h"

#include <cmath>

extern "C" {
#include "utils/memutils.h"
}

#include "hamming/random.h"

using namespace imagehash;

namespace {

constexpr double kDefaultQueries = 500, kDefaultQueryShare = 0.1;

struct EvaluateArguments {
    pg::SourceOptions source;
    bool max_rows_is_set;
    int64 k, precision_k, radius;
    double queries;  // below 1: share of the rows; 0: the default
};

// Rows that are asked for. `self`: where each is in the collection, null where queries are not part of it.
struct Questions {
    vision::LearnSet queries, collection;
    size_t *self;
};

}  // namespace

static void read_arguments(Jsonb *options, EvaluateArguments *a) {
    using K = pg::OptionKind;
    pg::OptionSpec specs[] = {
        {},
        {},
        {},
        {},  // of the source
        {"k", K::integer, &a->k, 1, 1e9, nullptr, false, false},
        {"precision_k", K::integer, &a->precision_k, 1, 1e9, nullptr, false, false},
        {"queries", K::real, &a->queries, 0, 1e9, nullptr, true, false},
        {"radius", K::integer, &a->radius, 0, pg::kMaxBits, nullptr, false, false},
    };
    pg::source_option_specs(&a->source, specs);
    pg::read_options(options, specs, lengthof(specs));
    a->max_rows_is_set = specs[0].given;
}

static const pg::LoadedModel *model_of_source(const void *hasher) {
    return pg::model_of_hasher(static_cast<const pg::HasherRow *>(hasher));
}

// Copies of the chosen rows.
static vision::LearnSet take_rows(const pg::SourceRows *rows, const size_t *chosen, size_t count) {
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

// A draw from the rows, of those with a label where there are labels; each is left out of its own ranking
// only.
static Questions draw_queries(const pg::SourceRows *rows, const EvaluateArguments *a) {
    size_t *from = row_numbers(rows), count = 0;
    for (int64 i = 0; i < rows->rows; i++)
        if (!rows->labels || rows->labels[i] >= 0) from[count++] = i;
    double wanted = a->queries >= 1  ? std::floor(a->queries)
                    : a->queries > 0 ? std::ceil(a->queries * count)
                                     : Min(kDefaultQueries, std::ceil(kDefaultQueryShare * count));
    size_t drawn = static_cast<size_t>(Min(wanted, static_cast<double>(count)));
    hamming::Random random(static_cast<uint64>(a->source.seed));
    for (size_t i = 0; i < drawn; i++) {
        size_t other = i + random.below(count - i), held = from[i];
        from[i] = from[other];
        from[other] = held;
    }
    vision::LearnSet all = {rows->embeddings, static_cast<size_t>(rows->rows), rows->length, nullptr, 0,
                            rows->labels};
    return {take_rows(rows, from, drawn), all, from};
}

static void put(ReturnSetInfo *result, const char *metric, double code, double embedding) {
    Datum values[] = {CStringGetTextDatum(metric), Float8GetDatum(code), Float8GetDatum(embedding)};
    bool nulls[] = {false, std::isnan(code), std::isnan(embedding)};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void put_evaluation(ReturnSetInfo *result, const EvaluateArguments *a, const Questions *questions,
                           const vision::Evaluation *e) {
    double none = std::nan("");
    put(result, "mAP", e->code.map, e->embedding.map);
    put(result, psprintf("mAP@%lld", static_cast<long long>(a->k)), e->code.map_at_k, e->embedding.map_at_k);
    put(result, psprintf("precision@%lld", static_cast<long long>(a->precision_k)), e->code.precision_at_k,
        e->embedding.precision_at_k);
    put(result, psprintf("recall within %lld bits", static_cast<long long>(a->radius)),
        e->code.recall_within_radius, none);
    put(result, psprintf("neighbours kept@%lld", static_cast<long long>(a->precision_k)), e->neighbours_kept,
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
    EvaluateArguments arguments = {pg::kDefaultSourceOptions, false, 1000, 10, -1, 0};
    read_arguments(pg::options_argument(fcinfo, 2), &arguments);
    pg::refuse_restricted_operation("evaluate_hasher()");
    pg::HasherRow row;
    pg::LoadedHasher hasher = *pg::hasher_by_name(name, &row);
    if (arguments.radius < 0) arguments.radius = hasher.shape.bits / 4;
    InitMaterializedSRF(fcinfo, 0);

    MemoryContext work =
        AllocSetContextCreate(CurrentMemoryContext, "imagehash evaluation", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(work);
    pg::SourceRules rules = pg::source_rules(&arguments.source, arguments.max_rows_is_set);
    rules.is_query_column = true;
    rules.length = hasher.shape.input;
    rules.model = model_of_source;
    rules.model_argument = &row;
    pg::SourceRows rows;
    pg::read_source(query, &rules, &rows);
    if (rows.rows < 2)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("source has less than two rows to rank")));
    pg::tell_source(&rows);

    Questions questions = rows.is_query ? split_by_column(&rows) : draw_queries(&rows, &arguments);
    vision::EvaluateOptions options;
    options.k = arguments.k;
    options.precision_k = arguments.precision_k;
    options.radius = static_cast<int>(arguments.radius);
    options.self = questions.self;
    // Reading the source may have run functions that load others: what was loaded is looked up again.
    hasher = *pg::hasher_by_name(name, &row);
    pg::check_status(vision::set_threads(pg::threads_of_session()));
    vision::Evaluation evaluation;
    vision::Status status = vision::evaluate_hasher(hasher.hasher, questions.queries, questions.collection,
                                                    options, pg::stop_requested, &evaluation);
    CHECK_FOR_INTERRUPTS();
    pg::check_status(status);
    MemoryContextSwitchTo(before);
    put_evaluation(reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo), &arguments, &questions,
                   &evaluation);
    MemoryContextDelete(work);
    return 0;
}
