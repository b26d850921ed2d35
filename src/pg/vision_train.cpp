// train_hasher(): fits a hasher to what a query returns, and stores it; what it promises is said in
// sql/imagehash--X.Y.sql.
//
// Reading, training and storing are three steps, and only memory goes from one to the next: no cursor is open
// while LibTorch works. The training is driven epoch by epoch, so that it can be reported and cancelled.
// Plain structs and palloc memory only: ereport jumps over these frames.
#include "pg/vision_arguments.h"
#include "pg/catalogue_tables.h"
#include "pg/methods.h"
#include "pg/vision_catalogue.h"
#include "pg/vision_training.h"
#include "vision/learn.h"

#include <cmath>

extern "C" {
#include "access/htup_details.h"
#include "tcop/utility.h"
#include "utils/memutils.h"
}

#include "pinned_models.h"

using namespace imagehash;

namespace {

// In the order of vision::HasherMethod.
constexpr const char *kMethods[] = {"auto", "autoencoder", "itq", "random", nullptr};
constexpr int kDefaultViews = 4, kMaxViews = 64;

// What a training came to. An epoch of 0 is ITQ.
struct TrainOutcome {
    vision::TrainProgress best;  // of the epoch that is kept
    int epochs;                  // how many were run
    bool itq_was_tried;
    double itq, autoencoder;  // validations, each the best one
};

// A choice and 64-bit numbers as jsonb has them; the rest goes straight into TrainOptions.
struct TrainArguments {
    pg::SourceOptions source;
    vision::TrainOptions train;
    bool max_rows_is_set;
    int method;
    int64 views, hidden, epochs, batch, patience;
};

}  // namespace

static bool has_epochs(vision::HasherMethod method) {
    return method == vision::HasherMethod::automatic || method == vision::HasherMethod::autoencoder;
}

static void read_arguments(Jsonb *options, TrainArguments *a) {
    using K = pg::OptionKind;
    vision::TrainOptions *t = &a->train;
    a->method = static_cast<int>(t->method);
    a->hidden = t->hidden;
    a->epochs = t->epochs;
    a->batch = t->batch;
    a->patience = t->patience;
    pg::OptionSpec specs[] = {
        {},
        {},
        {},
        {},  // of the source
        {"batch", K::integer, &a->batch, 2, 4096, nullptr, false, false},
        {"commitment_weight", K::real, &t->commitment_weight, 0, 1000, nullptr, false, false},
        {"contrastive_weight", K::real, &t->contrastive_weight, 0, 1000, nullptr, false, false},
        {"dropout", K::real, &t->dropout, 0, 0.9, nullptr, false, false},
        {"epochs", K::integer, &a->epochs, 1, 10000, nullptr, false, false},
        {"flip", K::real, &t->flip, 0, 0.5, nullptr, false, false},
        {"hidden", K::integer, &a->hidden, 1, 4096, nullptr, false, false},
        {"label_weight", K::real, &t->label_weight, 0, 1000, nullptr, false, false},
        {"learning_rate", K::real, &t->learning_rate, 0, 1, nullptr, true, false},
        {"method", K::choice, &a->method, 0, 0, kMethods, false, false},
        {"model", K::text, &a->source.model, 0, 0, nullptr, false, false},
        {"patience", K::integer, &a->patience, 0, 10000, nullptr, false, false},
        {"reconstruction_weight", K::real, &t->reconstruction_weight, 0, 1000, nullptr, false, false},
        {"start_from_itq", K::boolean, &t->start_from_itq, 0, 0, nullptr, false, false},
        {"temperature", K::real, &t->temperature, 0, 100, nullptr, true, false},
        {"validation", K::real, &t->validation_share, 0, 0.5, nullptr, false, false},
        {"views", K::integer, &a->views, 0, kMaxViews, nullptr, false, false},
    };
    pg::source_option_specs(&a->source, specs);
    pg::read_options(options, specs, lengthof(specs));
    a->max_rows_is_set = specs[0].given;
    t->method = static_cast<vision::HasherMethod>(a->method);
    t->hidden = static_cast<int>(a->hidden);
    t->epochs = static_cast<int>(a->epochs);
    t->batch = static_cast<int>(a->batch);
    t->patience = static_cast<int>(a->patience);
    t->seed = static_cast<uint64>(a->source.seed);
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

// Frees a training when its memory context goes, which it does whatever happens.
struct TrainingHolder {
    MemoryContextCallback callback;
    vision::Training *training;
};

static void free_training(void *argument) {
    TrainingHolder *holder = static_cast<TrainingHolder *>(argument);
    if (holder->training) vision::train_free(holder->training);
    holder->training = nullptr;
}

static TrainingHolder *make_holder() {
    TrainingHolder *holder = static_cast<TrainingHolder *>(palloc0(sizeof(TrainingHolder)));
    holder->callback.func = free_training;
    holder->callback.arg = holder;
    MemoryContextRegisterResetCallback(CurrentMemoryContext, &holder->callback);
    return holder;
}

static void check_work(const vision::Status &status) {
    CHECK_FOR_INTERRUPTS();
    pg::check_status(status);
}

static void tell_epoch(const vision::TrainProgress *p) {
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
    ereport(NOTICE,
            (errmsg("epoch %d of %d: loss %.4f (%s)%s%s", p->epoch, p->epochs, p->loss, terms.data,
                    std::isnan(p->validation) ? "" : psprintf(", validation %.4f", p->validation), best)));
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
static vision::Bytes train(const vision::LearnSet *set, const vision::TrainOptions *options,
                           TrainingHolder *holder, TrainOutcome *outcome) {
    check_work(vision::set_threads(pg::threads_of_session()));
    check_work(vision::train_begin(*set, *options, pg::stop_requested, &holder->training));
    vision::TrainProgress progress = {};
    for (bool done = false; !done;) {
        check_work(vision::train_epoch(holder->training, pg::stop_requested, &progress, &done));
        if (progress.best) outcome->best = progress;
        if (!has_epochs(options->method)) continue;
        bool is_itq = progress.epoch == 0;
        double *score = is_itq ? &outcome->itq : &outcome->autoencoder;
        if (progress.validation > *score) *score = progress.validation;
        outcome->itq_was_tried |= is_itq;
        if (pg::progress_is_due() || done) tell_epoch(&progress);
    }
    outcome->epochs = progress.epoch;
    if (outcome->itq_was_tried) tell_choice(outcome);
    vision::Bytes file;
    check_work(vision::train_result(holder->training, &file));
    return file;
}

// --- what is stored beside the weights ---------------------------------------------------------------------

static void add_training(StringInfo json, const vision::TrainOptions *t) {
    pg::add_integer(json, "epochs", t->epochs);
    pg::add_integer(json, "batch", t->batch);
    pg::add_integer(json, "hidden", t->hidden);
    pg::add_real(json, "learning_rate", t->learning_rate);
    pg::add_boolean(json, "start_from_itq", t->start_from_itq);
    pg::add_real(json, "dropout", t->dropout);
    pg::add_real(json, "flip", t->flip);
    pg::add_real(json, "reconstruction_weight", t->reconstruction_weight);
    pg::add_real(json, "commitment_weight", t->commitment_weight);
    pg::add_real(json, "contrastive_weight", t->contrastive_weight);
    pg::add_real(json, "temperature", t->temperature);
    pg::add_real(json, "label_weight", t->label_weight);
    pg::add_real(json, "validation", t->validation_share);
    pg::add_integer(json, "patience", t->patience);
}

// The bytes of a hasher depend on these too.
static char *libraries_of(const char *model) {
    vision::Fact facts[vision::kMaxFacts];
    int count;
    check_work(vision::describe(pg::model_by_name(model)->network, facts, &count));
    StringInfoData json;
    pg::begin_object(&json);
    pg::add_text(&json, "imagehash", IMAGEHASH_VERSION);
    for (int i = 0; i < count; i++) pg::add_text(&json, facts[i].name, facts[i].value);
    return pg::end_object(&json);
}

static char *recipe_of(const TrainArguments *a, const pg::SourceRows *rows) {
    StringInfoData json;
    pg::begin_object(&json);
    pg::add_text(&json, "method", kMethods[a->method]);
    pg::add_integer(&json, "seed", a->source.seed);
    if (has_epochs(a->train.method)) add_training(&json, &a->train);
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
    pg::add_text(&json, "model", a->source.model);
    pg::add_object(&json, "libraries", libraries_of(a->source.model));
    return pg::end_object(&json);
}

static char *quality_of(const TrainArguments *a, const TrainOutcome *outcome) {
    const vision::TrainProgress *best = &outcome->best;
    StringInfoData json;
    pg::begin_object(&json);
    if (!has_epochs(a->train.method)) return pg::end_object(&json);
    bool is_itq = outcome->itq_was_tried && best->epoch == 0;
    pg::add_text(&json, "method", is_itq ? "itq" : "autoencoder");
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
    pg::check_catalogue_name("hasher", name);
    if (pg::hasher_exists(name))
        ereport(ERROR,
                (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("hasher \"%s\" already exists", name),
                 errhint("A hasher never changes, since hashes were made with it. Choose another name.")));
}

static const pg::LoadedModel *model_of_source(const void *name) {
    return pg::model_by_name(static_cast<const char *>(name));
}

// Embeddings must be those of the model they are said to be of.
static void read_training_rows(const char *query, const TrainArguments *a, pg::SourceRows *rows) {
    pg::ModelRow model;
    pg::find_model(a->source.model, &model);
    pg::SourceRules rules = pg::source_rules(&a->source, a->max_rows_is_set);
    rules.length = model.length;
    rules.views = has_epochs(a->train.method) ? static_cast<int>(a->views) : 0;
    rules.model = model_of_source;
    rules.model_argument = a->source.model;
    pg::read_source(query, &rules, rows);
    if (rows->rows == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("source has no row to train on")));
    pg::tell_source(rows);
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
    int bits = bits_argument(fcinfo, 2);
    Jsonb *options = pg::options_argument(fcinfo, 3);
    TrainArguments arguments = {pg::kDefaultSourceOptions, {}, false, 0, kDefaultViews, 0, 0, 0, 0};
    read_arguments(options, &arguments);
    if (!arguments.source.model) arguments.source.model = IMAGEHASH_NETWORK_NAME;
    pg::refuse_restricted_operation("train_hasher()");
    PreventCommandIfReadOnly("train_hasher()");
    check_name(name);

    // What the rows take is given back as soon as the row is stored.
    MemoryContext work =
        AllocSetContextCreate(CurrentMemoryContext, "imagehash training", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(work);
    pg::SourceRows rows;
    read_training_rows(query, &arguments, &rows);
    vision::LearnSet set = {rows.embeddings,    static_cast<size_t>(rows.rows),
                            rows.length,        rows.views,
                            rows.views_per_row, rows.labels};
    // The best recipe depends on what there is; what the user said stands.
    arguments.train = vision::default_options(bits, set);
    read_arguments(options, &arguments);
    if (!rows.labels) arguments.train.label_weight = 0;

    TrainingHolder *holder = make_holder();
    TrainOutcome outcome = {};
    vision::Bytes file = train(&set, &arguments.train, holder, &outcome);
    char *quality = quality_of(&arguments, &outcome);
    pg::Method method =
        pg::store_hasher(name, arguments.source.model, file, recipe_of(&arguments, &rows), quality);
    MemoryContextSwitchTo(before);
    Datum result = row_of_result(fcinfo, name, bits, method, &rows, quality);
    MemoryContextDelete(work);
    PG_RETURN_DATUM(result);
}
