// train_hasher(): fits a hasher to what a query returns, and stores it; what it promises is said in
// sql/imagehash--X.Y.sql.
//
// Reading, training and storing are three steps, and only memory goes from one to the next: no cursor is open
// while LibTorch works. The training is driven epoch by epoch, so that it can be reported and cancelled.
// Plain structs and palloc memory only: ereport jumps over these frames.
#include "pg/catalog/lookup.h"
#include "pg/catalog/register.h"
#include "pg/catalog/tables.h"
#include "pg/images/embedding.h"
#include "pg/training/progress.h"
#include "pg/training/source_options.h"
#include "pg/value/methods.h"

#include <cmath>
#include <variant>

extern "C" {
#include "access/htup_details.h"
#include "tcop/utility.h"
#include "utils/memutils.h"
}

#include "installed.h"
#include "pinned_models.h"

using namespace imagehash;

constexpr int kDefaultViews = 4, kMaxViews = 64;
constexpr int64 kFewRows = 1000;  // below, none was measured to be better than the shipped hasher

namespace {

// What a training came to. An epoch of 0 is ITQ.
struct TrainOutcome {
    semantic::TrainProgress best;  // of the epoch that is kept
    int epochs;                    // how many were run
    bool itq_was_tried;
    double itq, autoencoder;  // validations, each the best one
};

struct TrainArguments {
    Jsonb *json;
    int bits;
    pg::SourceOptions source;
    const char *model;
    int views;
    semantic::TrainOptions train;
    bool few_rows_told;
};

// Frees a training when its memory context goes, which it does whatever happens.
struct TrainingHolder {
    MemoryContextCallback callback;
    semantic::Training *training;
};

}  // namespace

static void add_train_option(pg::OptionList *list, const semantic::TrainOption &known,
                             semantic::TrainOptions *target) {
    using T = semantic::TrainOptions;
    using K = pg::OptionKind;
    pg::Option option = {};
    option.name = known.name;
    option.range = {known.low, known.high, known.low_is_out, known.high_is_out};
    option.default_value = known.default_value;
    option.description = known.description;
    if (auto integer = std::get_if<int T::*>(&known.member)) {
        option.kind = K::integer;
        option.target = &(target->**integer);
    } else if (auto real = std::get_if<double T::*>(&known.member)) {
        option.kind = K::real;
        option.target = &(target->**real);
    } else if (auto boolean = std::get_if<bool T::*>(&known.member)) {
        option.kind = K::boolean;
        option.target = &(target->**boolean);
    } else if (auto algorithm = std::get_if<semantic::HasherAlgorithm T::*>(&known.member)) {
        static_assert(sizeof(semantic::HasherAlgorithm) == sizeof(int));
        option.kind = K::choice;
        option.choices = pg::semantic_library().algorithm_names;
        option.target = &(target->**algorithm);
    }
    pg::add_option(list, option);
}

static void add_options(pg::OptionList *list, TrainArguments *a) {
    using K = pg::OptionKind;
    pg::add_option(list, {"model",
                          K::text,
                          {},
                          nullptr,
                          IMAGEHASH_NETWORK_NAME,
                          "the row of imagehash.image_model whose embeddings these are, or that makes them",
                          &a->model});
    pg::add_option(list, {"views",
                          K::integer,
                          {0, kMaxViews},
                          nullptr,
                          psprintf("%d", kDefaultViews),
                          "augmented copies of each image, which are embedded too; for a source of images",
                          &a->views});
    pg::add_source_options(list, &a->source);
    for (int i = 0; i < semantic::kTrainOptionCount; i++)
        add_train_option(list, pg::semantic_library().train_options[i], &a->train);
}

static void read_arguments(TrainArguments *a) {
    pg::OptionList list = {};
    add_options(&list, a);
    pg::read_source_options(a->json, &list, &a->source);
    a->train.seed = static_cast<uint64>(a->source.seed);
}

// The best recipe depends on what there is; what the user said stands.
static void choose_recipe(TrainArguments *a, const semantic::LearnSet &set) {
    a->train = pg::semantic_library().default_options(a->bits, set);
    read_arguments(a);
    if (!set.labels) a->train.label_weight = 0;
}

IMAGEHASH_FUNCTION(imagehash_train_hasher_options) {
    TrainArguments arguments = {};
    pg::OptionList list = {};
    add_options(&list, &arguments);
    pg::return_options(fcinfo, &list);
    return 0;
}

static int bits_argument(FunctionCallInfo fcinfo, int number) {
    int bits = PG_ARGISNULL(number) ? 0 : PG_GETARG_INT32(number);
    if (bits < pg::kMinBits || bits > pg::kMaxBits || bits % 8 != 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("length of a hash must be a multiple of 8 from %d to %d bits", pg::kMinBits,
                               pg::kMaxBits)));
    return bits;
}

// --- the training ------------------------------------------------------------------------------------------

static void free_training(void *argument) {
    TrainingHolder *holder = static_cast<TrainingHolder *>(argument);
    if (holder->training) pg::semantic_library().train_free(holder->training);
    holder->training = nullptr;
}

static TrainingHolder *make_holder() {
    TrainingHolder *holder = static_cast<TrainingHolder *>(palloc0(sizeof(TrainingHolder)));
    holder->callback.func = free_training;
    holder->callback.arg = holder;
    MemoryContextRegisterResetCallback(CurrentMemoryContext, &holder->callback);
    return holder;
}

// After a call that polled the stop flag: a cancel is the statement's, not an error of the training.
static void check_cancel_and_status(const Status &status) {
    CHECK_FOR_INTERRUPTS();
    pg::check_status(status);
}

static void tell_epoch(const semantic::TrainProgress *p, TimestampTz start) {
    const char *best = p->best && !std::isnan(p->validation) ? ", the best so far" : "";
    if (p->epoch == 0) {
        ereport(NOTICE, (errmsg("ITQ: validation %.4f%s", p->validation, best)));
        return;
    }
    StringInfoData terms;
    initStringInfo(&terms);
    auto add = [&terms](const char *name, double value) {
        if (value != 0) appendStringInfo(&terms, "%s%s %.4f", terms.len > 0 ? ", " : "", name, value);
    };
    add("reconstruction", p->reconstruction);
    add("commitment", p->commitment);
    add("contrastive", p->contrastive);
    add("labels", p->labels);
    const char *left = pg::time_left(start, p->epoch, p->epochs);
    ereport(NOTICE,
            (errmsg("epoch %d of %d: loss %.4f (%s)%s%s%s%s", p->epoch, p->epochs, p->loss, terms.data,
                    std::isnan(p->validation) ? "" : psprintf(", validation %.4f", p->validation), best,
                    left[0] == '\0' ? "" : ", ", left)));
    pfree(terms.data);
}

static void tell_choice(const TrainOutcome *o) {
    if (o->best.epoch == 0)
        ereport(NOTICE,
                (errmsg("ITQ is kept: validation %.4f, the autoencoder's %.4f", o->itq, o->autoencoder)));
    else
        ereport(NOTICE, (errmsg("the autoencoder of epoch %d is kept: validation %.4f, ITQ's %.4f",
                                o->best.epoch, o->autoencoder, o->itq)));
}

// The bytes belong to the holder.
static Bytes train(const semantic::LearnSet *set, const semantic::TrainOptions *options,
                   TrainingHolder *holder, TrainOutcome *outcome) {
    const semantic::Api &library = pg::semantic_library();
    check_cancel_and_status(library.set_threads(pg::threads_of_session()));
    check_cancel_and_status(library.train_begin(*set, *options, pg::stop_requested, &holder->training));
    semantic::TrainProgress progress = {};
    TimestampTz start = GetCurrentTimestamp();
    for (bool done = false; !done;) {
        check_cancel_and_status(library.train_epoch(holder->training, pg::stop_requested, &progress, &done));
        if (progress.best) outcome->best = progress;
        if (!semantic::trains_autoencoder(options->algorithm)) continue;
        bool is_itq = progress.epoch == 0;
        double *score = is_itq ? &outcome->itq : &outcome->autoencoder;
        if (progress.validation > *score) *score = progress.validation;
        outcome->itq_was_tried |= is_itq;
        if (pg::progress_is_due() || done) tell_epoch(&progress, start);
        if (is_itq) start = GetCurrentTimestamp();
    }
    outcome->epochs = progress.epoch;
    if (outcome->itq_was_tried) tell_choice(outcome);
    Bytes file;
    check_cancel_and_status(library.train_result(holder->training, &file));
    return file;
}

// --- what is stored beside the weights ---------------------------------------------------------------------

static void add_training(StringInfo json, const semantic::TrainOptions *t) {
    pg::add_integer(json, "epochs", t->epochs);
    pg::add_integer(json, "batch_size", t->batch);
    pg::add_integer(json, "hidden_units", t->hidden);
    pg::add_real(json, "learning_rate", t->learning_rate);
    pg::add_boolean(json, "start_from_itq", t->start_from_itq);
    pg::add_real(json, "dropout", t->dropout);
    pg::add_real(json, "bit_flip", t->flip);
    pg::add_real(json, "reconstruction_weight", t->reconstruction_weight);
    pg::add_real(json, "commitment_weight", t->commitment_weight);
    pg::add_real(json, "contrastive_weight", t->contrastive_weight);
    pg::add_real(json, "temperature", t->temperature);
    pg::add_real(json, "label_weight", t->label_weight);
    pg::add_real(json, "validation_fraction", t->validation_share);
    pg::add_integer(json, "patience", t->patience);
}

// The bytes of a hasher depend on these too.
static char *libraries_of(const char *model) {
    Fact facts[kMaxFacts];
    int count;
    semantic::NetworkId network = pg::model_by_name(model)->network;
    check_cancel_and_status(pg::semantic_library().describe(network, facts, &count));
    StringInfoData json;
    pg::begin_object(&json);
    pg::add_text(&json, "imagehash", IMAGEHASH_VERSION);
    for (int i = 0; i < count; i++) pg::add_text(&json, facts[i].name, facts[i].value);
    return pg::end_object(&json);
}

static char *recipe_of(const TrainArguments *a, const pg::SourceRows *rows) {
    StringInfoData json;
    pg::begin_object(&json);
    const char *const *algorithm_names = pg::semantic_library().algorithm_names;
    pg::add_text(&json, "algorithm", algorithm_names[static_cast<int>(a->train.algorithm)]);
    pg::add_integer(&json, "seed", a->source.seed);
    if (semantic::trains_autoencoder(a->train.algorithm)) add_training(&json, &a->train);
    pg::add_integer(&json, "rows", rows->rows);
    pg::add_integer(&json, "rows_seen", rows->seen);
    pg::add_integer(&json, "null_rows", rows->null_rows);
    pg::add_integer(&json, "bad_rows", rows->bad_rows);
    pg::add_integer(&json, "length", rows->length);
    pg::add_integer(&json, "views", rows->views_per_row);
    pg::add_integer(&json, "labels", rows->classes);
    pg::add_integer(&json, "max_rows", a->source.max_rows);
    pg::add_integer(&json, "memory_kb", a->source.memory);
    pg::add_integer(&json, "threads", pg::threads_of_session());
    pg::add_text(&json, "model", a->model);
    pg::add_object(&json, "libraries", libraries_of(a->model));
    return pg::end_object(&json);
}

static char *quality_of(const TrainArguments *a, const TrainOutcome *outcome) {
    const semantic::TrainProgress *best = &outcome->best;
    StringInfoData json;
    pg::begin_object(&json);
    if (!semantic::trains_autoencoder(a->train.algorithm)) return pg::end_object(&json);
    bool is_itq = outcome->itq_was_tried && best->epoch == 0;
    pg::add_text(&json, "algorithm", is_itq ? "itq" : "autoencoder");
    pg::add_real(&json, "validation", best->validation);
    if (outcome->itq_was_tried) {
        pg::add_real(&json, "validation_itq", outcome->itq);
        pg::add_real(&json, "validation_autoencoder", outcome->autoencoder);
    }
    pg::add_integer(&json, "epochs", outcome->epochs);
    if (!is_itq) {
        pg::add_integer(&json, "best_epoch", best->epoch);
        pg::add_real(&json, "loss", best->loss);
        pg::add_real(&json, "reconstruction", best->reconstruction);
        pg::add_real(&json, "commitment", best->commitment);
        pg::add_real(&json, "contrastive", best->contrastive);
        pg::add_real(&json, "labels", best->labels);
    }
    return pg::end_object(&json);
}

// --- names -------------------------------------------------------------------------------------------------

// Before the work, so that no training is lost to it; storing looks again.
static void check_name(const char *name) {
    pg::check_catalog_name("hasher", name);
    if (pg::hasher_exists(name))
        ereport(ERROR,
                (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("hasher \"%s\" already exists", name),
                 errhint("A hasher never changes, since hashes were made with it. Choose another name.")));
}

static const pg::LoadedModel *model_of_source(const void *name) {
    return pg::model_by_name(static_cast<const char *>(name));
}

// --- before the work ---------------------------------------------------------------------------------------

// Random directions learn nothing from rows but their mean.
static void warn_of_few_rows(TrainArguments *a, int64 rows) {
    bool learns = a->train.algorithm != semantic::HasherAlgorithm::random_projection;
    if (rows >= kFewRows || a->few_rows_told || !learns) return;
    a->few_rows_told = true;
    bool is_shipped_model = strcmp(a->model, IMAGEHASH_NETWORK_NAME) == 0;
    ereport(
        WARNING,
        (errcode(ERRCODE_WARNING),
         errmsg_plural("%lld row is little to train a hasher on", "%lld rows are few to train a hasher on",
                       rows, static_cast<long long>(rows)),
         errdetail(
             "Of photos of groceries in 81 classes, no hasher trained on fewer than %lld rows reached the "
             "precision@10 of the shipped one.",
             static_cast<long long>(kFewRows)),
         is_shipped_model ? errhint("Compare it by evaluate_hasher() with the shipped hasher, \"%s\".",
                                    IMAGEHASH_HASHER_NAME)
                          : errhint("Measure it by evaluate_hasher() on rows that it was not trained on.")));
}

// With the recipe for as many rows as there can be, and for the labels that there may be. It is not kept:
// texts in it are gone when the source has been read.
static void check_before_reading(const pg::SourceOutline *outline, void *argument) {
    TrainArguments *a = static_cast<TrainArguments *>(argument), expected = *a;
    static const int32 a_label = 0;
    choose_recipe(&expected, {nullptr, static_cast<size_t>(outline->rows), outline->length, nullptr,
                              outline->views_per_row, outline->has_label ? &a_label : nullptr});
    const semantic::Api &library = pg::semantic_library();
    pg::check_status(library.check_train_options(expected.train, outline->length, outline->views_per_row));
    if (outline->rows > 0) {
        pg::check_status(library.check_train_rows(expected.train, static_cast<size_t>(outline->rows)));
        warn_of_few_rows(a, outline->rows);
    }
}

// Embeddings must be those of the model they are said to be of.
static void read_training_rows(const char *query, TrainArguments *a, pg::SourceRows *rows) {
    pg::ModelRow model;
    pg::find_model(a->model, &model);
    pg::SourceRules rules = pg::source_rules(&a->source);
    rules.length = model.length;
    rules.views = semantic::trains_autoencoder(a->train.algorithm) ? a->views : 0;
    rules.model = model_of_source;
    rules.model_argument = a->model;
    rules.check = check_before_reading;
    rules.check_argument = a;
    pg::read_source(query, &rules, rows);
    if (rows->rows == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("source has no row to train on")));
    pg::tell_source(rows);
    warn_of_few_rows(a, rows->rows);
}

static Datum row_of_result(FunctionCallInfo fcinfo, const char *name, int bits, pg::Method method,
                           const pg::SourceRows *rows, const char *quality) {
    TupleDesc descriptor = pg::result_row_type(fcinfo);
    char method_text[pg::kMethodNameSize];
    pg::semantic_method_name(method, method_text);
    Datum values[] = {CStringGetTextDatum(name),
                      Int32GetDatum(bits),
                      CStringGetTextDatum(method_text),
                      Int64GetDatum(rows->rows),
                      Int64GetDatum(rows->null_rows + rows->bad_rows),
                      DirectFunctionCall1(jsonb_in, CStringGetDatum(quality))};
    bool nulls[lengthof(values)] = {};
    return HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls));
}

IMAGEHASH_FUNCTION(imagehash_train_hasher) {
    char *name = pg::text_argument(fcinfo, 0, "name"), *query = pg::text_argument(fcinfo, 1, "source");
    TrainArguments arguments = {};
    arguments.bits = bits_argument(fcinfo, 2);
    arguments.json = pg::options_argument(fcinfo, 3);
    arguments.model = IMAGEHASH_NETWORK_NAME;
    arguments.views = kDefaultViews;
    arguments.source = pg::kDefaultSourceOptions;
    choose_recipe(&arguments, {});
    pg::refuse_restricted_operation("train_hasher()");
    PreventCommandIfReadOnly("train_hasher()");
    check_name(name);

    // What the rows take is given back as soon as the row is stored.
    MemoryContext work =
        AllocSetContextCreate(CurrentMemoryContext, "imagehash training", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(work);
    pg::SourceRows rows;
    read_training_rows(query, &arguments, &rows);
    semantic::LearnSet set = {rows.embeddings,    static_cast<size_t>(rows.rows),
                              rows.length,        rows.views,
                              rows.views_per_row, rows.labels};
    choose_recipe(&arguments, set);

    TrainingHolder *holder = make_holder();
    TrainOutcome outcome = {};
    Bytes file = train(&set, &arguments.train, holder, &outcome);
    char *quality = quality_of(&arguments, &outcome);
    pg::Method method = pg::store_hasher(name, arguments.model, file, recipe_of(&arguments, &rows), quality);
    MemoryContextSwitchTo(before);
    Datum result = row_of_result(fcinfo, name, arguments.bits, method, &rows, quality);
    MemoryContextDelete(work);
    PG_RETURN_DATUM(result);
}
