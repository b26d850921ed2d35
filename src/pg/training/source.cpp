// Reads a query through a cursor, a batch of rows at a time: columns, labels, the sample, embeddings,
// notices. Rows go into one SourceRows and nothing else outlives the call. Plain structs and palloc memory
// only: ereport jumps over these frames.
#include "pg/training/source.h"

#include <cmath>
#include <type_traits>

extern "C" {
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
}

#include "hamming/random.h"
#include "pg/images/embedding.h"
#include "pg/training/progress.h"

namespace imagehash::pg {

// Rows a fetch. Images are few: each may be megabytes, and a cancel waits for a batch to be embedded.
constexpr int kEmbeddingsAtOnce = 100;
constexpr int kImagesAtOnce = 8;
constexpr int64 kFirstCapacity = 256;
constexpr int kReasonsTold = 5;  // notices about bad images

namespace {

// One row of a fetch that may be kept.
struct Candidate {
    int64 number;         // in the source, from 1
    int64 slot;           // where it goes in the sample; from the rows held on: at the end
    const float *values;  // [1 + views][length]
    Bytes image;
    Status status;      // of embedding it
    const char *label;  // null: none
    bool is_query;
};

struct LabelEntry {
    const char *label;
    int32 id;
};

// What the columns of the source are.
struct SourceColumns {
    Oid first_type;  // without domains
    bool has_label, has_is_query;
    FmgrInfo label_output;
};

// The sample: which of the rows seen are kept.
struct Reservoir {
    hamming::Random random{0};
    int64 limit;  // rows kept at most
};

// Rows that are embedded, of how many, since when.
struct EmbeddingWork {
    int64 done;
    int64 total;  // -1: not known
    TimestampTz start;
};

// The state of one read_source().
struct Reader {
    const SourceRules *rules;
    SourceRows *rows;              // the result
    MemoryContext result_context;  // outlives the cursor
    MemoryContext batch_context;   // of one fetch
    SourceColumns columns;
    Reservoir reservoir;
    int64 capacity;  // rows there is room for
    HTAB *label_ids;
    const LoadedModel *model;  // null where the source has embeddings
    EmbeddingWork embedding;
    int64 read;         // rows fetched
    int64 current_row;  // number of the row in work, for errors; 0: none
};
static_assert(std::is_trivially_destructible_v<Reader>);

}  // namespace

static void tell_row(void *argument) {
    const Reader *reader = static_cast<const Reader *>(argument);
    // Where a cancel came is chance.
    bool is_about_row = geterrcode() != ERRCODE_QUERY_CANCELED && geterrcode() != ERRCODE_ADMIN_SHUTDOWN;
    if (reader->current_row > 0 && is_about_row)
        errcontext("row %lld of the source", static_cast<long long>(reader->current_row));
}

// --- labels ------------------------------------------------------------------------------------------------

static uint32 hash_label(const void *key, Size) {
    const char *label = *static_cast<const char *const *>(key);
    return hash_bytes(reinterpret_cast<const unsigned char *>(label), static_cast<int>(strlen(label)));
}

static int compare_labels(const void *a, const void *b, Size) {
    return strcmp(*static_cast<const char *const *>(a), *static_cast<const char *const *>(b));
}

static void make_label_table(Reader *reader) {
    HASHCTL control = {};
    control.keysize = sizeof(const char *);
    control.entrysize = sizeof(LabelEntry);
    control.hash = hash_label;
    control.match = compare_labels;
    control.hcxt = reader->result_context;
    reader->label_ids = hash_create("imagehash labels", 128, &control,
                                    HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
}

static int32 id_of_label(Reader *reader, const char *label) {
    bool found;
    LabelEntry *entry = static_cast<LabelEntry *>(hash_search(reader->label_ids, &label, HASH_ENTER, &found));
    if (!found) {
        entry->label = MemoryContextStrdup(reader->result_context, label);
        entry->id = static_cast<int32>(hash_get_num_entries(reader->label_ids)) - 1;
    }
    return entry->id;
}

// To rank by a label that all rows share would be perfect whatever the codes, and to learn it is to learn
// nothing.
static void leave_out_labels(Reader *reader) {
    SourceRows *rows = reader->rows;
    // A source without labels that says which rows are queries has a null between the two.
    bool is_meant = rows->classes == 0 && reader->columns.has_is_query;
    if (rows->rows > 0 && !is_meant)
        ereport(
            WARNING,
            (errcode(ERRCODE_WARNING),
             errmsg("labels of the source are ignored: all of them are %s",
                    rows->classes == 0 ? "null" : "the same"),
             errhint("Rows that may be found for each other share a label: it takes at least two. Without "
                     "labels, leave the column out.")));
    rows->labels = nullptr;
    rows->classes = 0;
}

// Numbers the labels anew, in the order of the rows kept: a sample may have lost some.
static void close_up_labels(Reader *reader) {
    SourceRows *rows = reader->rows;
    if (!rows->labels) return;
    long known = hash_get_num_entries(reader->label_ids);
    int32 *renumbered = static_cast<int32 *>(palloc(sizeof(int32) * Max(known, 1)));
    for (long i = 0; i < known; i++) renumbered[i] = -1;
    for (int64 i = 0; i < rows->rows; i++) {
        int32 *label = &rows->labels[i];
        if (*label < 0) continue;
        if (renumbered[*label] < 0) renumbered[*label] = rows->classes++;
        *label = renumbered[*label];
    }
    if (rows->classes < 2) leave_out_labels(reader);
    if (rows->classes > semantic::kMaxLabel + 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("source has %d different labels, at most %d are possible", rows->classes,
                               semantic::kMaxLabel + 1),
                        errhint("A label says what a picture shows; rows that may be found for each other "
                                "share one.")));
}

// --- memory ------------------------------------------------------------------------------------------------

static int64 bytes_per_row(const SourceRows *rows) {
    return static_cast<int64>(sizeof(float)) * rows->length * (1 + rows->views_per_row);
}

// Once the length of an embedding is known: how many rows may be kept.
static void set_limit(Reader *reader, int length) {
    const SourceRules *rules = reader->rules;
    SourceRows *rows = reader->rows;
    rows->length = length;
    rows->views_per_row = rows->images ? rules->views : 0;
    int64 fit = rules->memory * 1024 / bytes_per_row(rows);
    if (fit < 1 || (rules->max_rows_is_set && rules->max_rows > fit))
        ereport(
            ERROR,
            (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
             errmsg("%lld rows of %d values and %d views need %lld kB, more than option \"memory\" allows",
                    static_cast<long long>(rules->max_rows), length, rows->views_per_row,
                    static_cast<long long>((rules->max_rows * bytes_per_row(rows) + 1023) / 1024)),
             errdetail("It is %lld kB, room for %lld rows.", static_cast<long long>(rules->memory),
                       static_cast<long long>(fit)),
             errhint("Raise option \"memory\", or lower \"max_rows\" or \"views\".")));
    reader->reservoir.limit = Min(rules->max_rows, fit);
}

static void *grow(Reader *reader, void *array, Size bytes) {
    if (!array) return MemoryContextAllocHuge(reader->result_context, bytes);
    return repalloc_huge(array, bytes);
}

static void make_room(Reader *reader) {
    SourceRows *rows = reader->rows;
    if (rows->rows < reader->capacity) return;
    Size n = reader->capacity = Min(reader->reservoir.limit, Max(kFirstCapacity, 2 * reader->capacity));
    Size row = sizeof(float) * rows->length;
    rows->embeddings = static_cast<float *>(grow(reader, rows->embeddings, n * row));
    if (rows->views_per_row > 0)
        rows->views = static_cast<float *>(grow(reader, rows->views, n * row * rows->views_per_row));
    if (reader->columns.has_label)
        rows->labels = static_cast<int32 *>(grow(reader, rows->labels, n * sizeof(int32)));
    if (reader->columns.has_is_query)
        rows->is_query = static_cast<bool *>(grow(reader, rows->is_query, n * sizeof(bool)));
}

static void keep_row(Reader *reader, const Candidate *candidate) {
    SourceRows *rows = reader->rows;
    if (candidate->slot >= rows->rows) make_room(reader);
    int64 slot = candidate->slot < rows->rows ? candidate->slot : rows->rows++;
    Size length = rows->length, views = rows->views_per_row;
    memcpy(rows->embeddings + slot * length, candidate->values, sizeof(float) * length);
    if (views > 0)
        memcpy(rows->views + slot * length * views, candidate->values + length,
               sizeof(float) * length * views);
    if (rows->labels) rows->labels[slot] = candidate->label ? id_of_label(reader, candidate->label) : -1;
    if (rows->is_query) rows->is_query[slot] = candidate->is_query;
}

// --- embeddings --------------------------------------------------------------------------------------------

static const float *floats_of_array(const Reader *reader, ArrayType *array, int length) {
    if (reader->columns.first_type == FLOAT4ARRAYOID)
        return reinterpret_cast<const float *>(ARR_DATA_PTR(array));
    return floats_of_doubles(array, length);
}

static const float *read_embedding(Reader *reader, Datum datum) {
    ArrayType *array = DatumGetArrayTypeP(datum);
    int length = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    int expected = reader->rows->length > 0 ? reader->rows->length : reader->rules->length;
    long long number = reader->current_row;
    if (ARR_NDIM(array) > 1)
        ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
                        errmsg("embedding in row %lld of the source has %d dimensions instead of one", number,
                               ARR_NDIM(array))));
    if (array_contains_nulls(array))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                        errmsg("embedding in row %lld of the source contains nulls", number)));
    if (length == 0 || length > semantic::kMaxEmbeddingLength || (expected > 0 && length != expected))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("embedding in row %lld of the source has %d values", number, length),
                 expected == 0 ? errdetail("An embedding has 1 to %d.", semantic::kMaxEmbeddingLength)
                 : reader->rows->length > 0 ? errdetail("Those before have %d.", expected)
                                            : errdetail("The hasher takes embeddings of %d.", expected)));
    const float *values = floats_of_array(reader, array, length);
    for (int i = 0; i < length; i++)
        if (!std::isfinite(values[i]))
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                     errmsg("embedding in row %lld of the source has a value that is not finite", number),
                     errdetail("It is value %d.", i + 1)));
    if (reader->rows->length == 0) set_limit(reader, length);
    return values;
}

// Fills values and status of each candidate.
static void embed_candidates(const Reader *reader, Candidate *candidates, int count) {
    Size length = reader->rows->length, views = reader->rows->views_per_row;
    float *out = static_cast<float *>(
        palloc_extended(sizeof(float) * length * (1 + views) * Max(count, 1), MCXT_ALLOC_HUGE));
    for (int i = 0; i < count; i++) candidates[i].values = out + length * (1 + views) * i;
    for (int i = 0; views > 0 && i < count; i++) {
        CHECK_FOR_INTERRUPTS();
        candidates[i].status = embed_views(reader->model, candidates[i].image, reader->rules->seed,
                                           static_cast<int>(views), out + length * (1 + views) * i);
    }
    Bytes images[semantic::kEmbeddingBatch];
    Status each[semantic::kEmbeddingBatch];
    for (int begin = 0; views == 0 && begin < count; begin += semantic::kEmbeddingBatch) {
        CHECK_FOR_INTERRUPTS();
        int n = Min(semantic::kEmbeddingBatch, count - begin);
        for (int i = 0; i < n; i++) images[i] = candidates[begin + i].image;
        embed_images(reader->model, images, n, out + length * begin, each);
        for (int i = 0; i < n; i++) candidates[begin + i].status = each[i];
    }
}

// False where the image is left out.
static bool image_is_good(Reader *reader, const Candidate *candidate) {
    if (candidate->status.ok()) return true;
    if (!reader->rules->skip_bad || !is_fault_of_image(candidate->status)) check_status(candidate->status);
    if (reader->rows->bad_rows++ < kReasonsTold)
        ereport(NOTICE, (errmsg("skipped row %lld of the source: %s",
                                static_cast<long long>(candidate->number), candidate->status.message)));
    return false;
}

// --- the cursor --------------------------------------------------------------------------------------------

static void load_model(Reader *reader) {
    const SourceRules *rules = reader->rules;
    reader->model = rules->model(rules->model_argument);
    use_session_threads();
    if (rules->length > 0 && rules->length != reader->model->length)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("the hasher takes embeddings of %d values, its model makes %d", rules->length,
                               reader->model->length)));
    set_limit(reader, reader->model->length);
}

static void check_columns(Reader *reader, TupleDesc columns) {
    SourceColumns *known = &reader->columns;
    int most = reader->rules->is_query_column ? 3 : 2;
    if (columns->natts < 1 || columns->natts > most)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("source must have 1 to %d columns, not %d", most, columns->natts),
                        errdetail("They are an embedding or an image, a label%s.",
                                  most == 3 ? ", and whether the row is a query" : "")));
    known->first_type = getBaseType(TupleDescAttr(columns, 0)->atttypid);
    reader->rows->images = known->first_type == BYTEAOID;
    bool embeddings = known->first_type == FLOAT4ARRAYOID || known->first_type == FLOAT8ARRAYOID;
    if (!reader->rows->images && !embeddings)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("first column of the source is of type %s, not real[] or bytea",
                               format_type_be(TupleDescAttr(columns, 0)->atttypid)),
                        errhint("It must be an embedding, real[], or an image, bytea. Cast it, as in "
                                "embedding::real[].")));
    known->has_label = columns->natts >= 2;
    known->has_is_query = columns->natts >= 3;
    if (known->has_is_query && getBaseType(TupleDescAttr(columns, 2)->atttypid) != BOOLOID)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("third column of the source is of type %s, not boolean",
                               format_type_be(TupleDescAttr(columns, 2)->atttypid))));
    if (!known->has_label) return;
    Oid output;
    bool is_varlena;
    getTypeOutputInfo(TupleDescAttr(columns, 1)->atttypid, &output, &is_varlena);
    fmgr_info_cxt(output, &known->label_output, reader->result_context);
    make_label_table(reader);
}

// Where row number `seen` (from 0) of the reservoir goes; negative: it is not kept.
static int64 draw_slot(Reservoir *reservoir, int64 seen) {
    if (seen < reservoir->limit) return seen;
    int64 slot = static_cast<int64>(reservoir->random.below(seen + 1));
    return slot < reservoir->limit ? slot : -1;
}

// False where the row is left out.
static bool read_candidate(Reader *reader, HeapTuple tuple, TupleDesc columns, Candidate *candidate) {
    SourceRows *rows = reader->rows;
    bool is_null;
    *candidate = {};
    candidate->number = reader->current_row;
    Datum first = SPI_getbinval(tuple, columns, 1, &is_null);
    if (is_null) {
        rows->null_rows++;
        return false;
    }
    if (!rows->images) candidate->values = read_embedding(reader, first);
    candidate->slot = draw_slot(&reader->reservoir, rows->seen++);
    if (candidate->slot < 0) return false;
    if (rows->images) candidate->image = image_bytes(DatumGetByteaPP(first));
    if (reader->columns.has_label) {
        Datum label = SPI_getbinval(tuple, columns, 2, &is_null);
        if (!is_null) candidate->label = OutputFunctionCall(&reader->columns.label_output, label);
    }
    if (reader->columns.has_is_query) {
        Datum is_query = SPI_getbinval(tuple, columns, 3, &is_null);
        candidate->is_query = !is_null && DatumGetBool(is_query);
    }
    return true;
}

static void keep_batch(Reader *reader, SPITupleTable *table, uint64 fetched) {
    Candidate *candidates = static_cast<Candidate *>(palloc(sizeof(Candidate) * fetched));
    int count = 0;
    for (uint64 i = 0; i < fetched; i++) {
        CHECK_FOR_INTERRUPTS();
        reader->current_row = ++reader->read;
        if (read_candidate(reader, table->vals[i], table->tupdesc, &candidates[count])) count++;
    }
    reader->current_row = 0;
    if (reader->rows->images) {
        embed_candidates(reader, candidates, count);
        reader->embedding.done += count;
    }
    for (int i = 0; i < count; i++) {
        reader->current_row = candidates[i].number;
        if (!reader->rows->images || image_is_good(reader, &candidates[i])) keep_row(reader, &candidates[i]);
    }
    reader->current_row = 0;
    CHECK_FOR_INTERRUPTS();
}

// --- what is known before the first row --------------------------------------------------------------------

static bool calls_volatile_functions(const CachedPlanSource *source) {
    ListCell *cell;
    foreach (cell, source->query_list)
        if (contain_volatile_functions(static_cast<Node *>(lfirst(cell)))) return true;
    return false;
}

// Rows of the source, by running it once more without its columns; -1 where that could cost as much as the
// source itself, or be another number.
static int64 count_source(SPIPlanPtr plan) {
    CachedPlanSource *source = static_cast<CachedPlanSource *>(linitial(SPI_plan_get_plan_sources(plan)));
    const RawStmt *statement = source->raw_parse_tree;
    if (!IsA(statement->stmt, SelectStmt) || calls_volatile_functions(source)) return -1;
    // Without the semicolon, or what comes after it. The line break ends a comment.
    const char *text = source->query_string + Max(statement->stmt_location, 0);
    int length = statement->stmt_len > 0 ? statement->stmt_len : static_cast<int>(strlen(text));
    StringInfoData count;
    initStringInfo(&count);
    appendStringInfoString(&count, "SELECT pg_catalog.count(*) FROM (");
    appendBinaryStringInfo(&count, text, length);
    appendStringInfoString(&count, "\n) AS source");
    if (SPI_execute(count.data, true, 1) != SPI_OK_SELECT || SPI_processed != 1) return -1;
    bool is_null;
    int64 rows = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
    SPI_freetuptable(SPI_tuptable);
    pfree(count.data);
    return rows;
}

// Images that are embedded of so many rows: what the reservoir will draw, with a copy of its random numbers.
static int64 images_drawn(const Reader *reader, int64 rows) {
    Reservoir copy = reader->reservoir;
    int64 drawn = Min(rows, copy.limit);
    for (int64 seen = drawn; seen < rows; seen++) {
        if (seen % 65536 == 0) CHECK_FOR_INTERRUPTS();
        if (draw_slot(&copy, seen) >= 0) drawn++;
    }
    return drawn;
}

static void tell_images(const Reader *reader, int64 rows) {
    int runs = 1 + reader->rows->views_per_row;
    const char *each = psprintf("%d network run%s each", runs, runs == 1 ? "" : "s");
    if (rows < 0)
        ereport(NOTICE, (errmsg("images to embed are not counted, %s", each),
                         errdetail("The source calls a volatile function, which would run twice.")));
    else if (rows > reader->reservoir.limit)
        ereport(NOTICE, (errmsg("%lld of %lld images to embed, for a sample of %lld, %s",
                                static_cast<long long>(reader->embedding.total), static_cast<long long>(rows),
                                static_cast<long long>(reader->reservoir.limit), each)));
    else
        ereport(NOTICE, (errmsg_plural("%lld image to embed, %s", "%lld images to embed, %s", rows,
                                       static_cast<long long>(rows), each)));
}

// Loads the model, lets the caller check the outline, and says how many images there are: embedding them
// takes minutes.
static void announce(Reader *reader, SPIPlanPtr plan) {
    const SourceRules *rules = reader->rules;
    SourceOutline outline = {};
    outline.images = reader->rows->images;
    outline.has_label = reader->columns.has_label;
    outline.has_is_query = reader->columns.has_is_query;
    outline.length = rules->length;
    outline.rows = rules->max_rows;
    int64 counted = -1;
    if (outline.images) {
        load_model(reader);
        counted = count_source(plan);
        if (counted >= 0) reader->embedding.total = images_drawn(reader, counted);
        outline.length = reader->rows->length;
        outline.views_per_row = reader->rows->views_per_row;
        outline.rows = counted >= 0 ? Min(counted, reader->reservoir.limit) : reader->reservoir.limit;
    }
    if (rules->check) rules->check(&outline, rules->check_argument);
    if (outline.images) tell_images(reader, counted);
    reader->embedding.start = GetCurrentTimestamp();
}

// --- reading -----------------------------------------------------------------------------------------------

static void tell_progress(const Reader *reader) {
    const EmbeddingWork *work = &reader->embedding;
    if (!reader->rows->images) {
        ereport(NOTICE,
                (errmsg("read %lld rows of the source, %lld are kept", static_cast<long long>(reader->read),
                        static_cast<long long>(reader->rows->rows))));
        return;
    }
    double seconds = static_cast<double>(GetCurrentTimestamp() - work->start) / USECS_PER_SEC;
    const char *total = work->total < 0 ? "" : psprintf(" of %lld", static_cast<long long>(work->total));
    const char *left = time_left(work->start, work->done, work->total);
    ereport(NOTICE,
            (errmsg("embedded %lld%s images (%.1f images a second%s%s)", static_cast<long long>(work->done),
                    total, work->done / Max(seconds, 0.001), left[0] == '\0' ? "" : ", ", left)));
}

static void read_cursor(Reader *reader, const char *query) {
    SPIPlanPtr plan = SPI_prepare_cursor(query, 0, nullptr, CURSOR_OPT_NO_SCROLL);
    if (plan == nullptr)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("source is not one SELECT"),
                        errdetail("%s", SPI_result_code_string(SPI_result))));
    Portal portal = SPI_cursor_open(nullptr, plan, nullptr, nullptr, true);
    check_columns(reader, portal->tupDesc);
    announce(reader, plan);
    int at_once = reader->rows->images ? kImagesAtOnce : kEmbeddingsAtOnce;
    for (;;) {
        SPI_cursor_fetch(portal, true, at_once);
        if (SPI_processed == 0) break;
        SPITupleTable *table = SPI_tuptable;
        MemoryContext before = MemoryContextSwitchTo(reader->batch_context);
        keep_batch(reader, table, SPI_processed);
        if (progress_is_due()) tell_progress(reader);
        MemoryContextSwitchTo(before);
        MemoryContextReset(reader->batch_context);
        SPI_freetuptable(table);
    }
    SPI_cursor_close(portal);
}

static Reader new_reader(const SourceRules *rules, SourceRows *rows) {
    Reader reader = {};
    reader.rules = rules;
    reader.rows = rows;
    reader.result_context = CurrentMemoryContext;
    reader.batch_context =
        AllocSetContextCreate(CurrentMemoryContext, "imagehash source batch", ALLOCSET_DEFAULT_SIZES);
    reader.reservoir.random = hamming::Random(rules->seed);
    reader.embedding.total = -1;
    return reader;
}

void read_source(const char *query, const SourceRules *rules, SourceRows *rows) {
    *rows = {};
    Reader reader = new_reader(rules, rows);
    ErrorContextCallback context = {error_context_stack, tell_row, &reader};
    error_context_stack = &context;

    start_progress();
    // The cursor refuses statements that write; this refuses it to functions that they call as well. Where it
    // fails, the end of the (sub)transaction sets it back. The setting of that name cannot be set for a
    // while.
    const bool was_read_only = XactReadOnly;
    XactReadOnly = true;
    SPI_connect();
    read_cursor(&reader, query);
    SPI_finish();
    XactReadOnly = was_read_only;

    error_context_stack = context.previous;
    MemoryContextDelete(reader.batch_context);
    close_up_labels(&reader);
    rows->memory = rows->rows * bytes_per_row(rows);
}

void tell_source(const SourceRows *rows) {
    ereport(NOTICE,
            (errmsg("%lld rows of %d values%s%s, %lld kB", static_cast<long long>(rows->rows), rows->length,
                    rows->views_per_row > 0 ? psprintf(" and %d views", rows->views_per_row) : "",
                    rows->labels ? psprintf(", %d labels", rows->classes) : "",
                    static_cast<long long>((rows->memory + 1023) / 1024))));
    if (rows->seen > rows->rows + rows->bad_rows)
        ereport(NOTICE, (errmsg("they are a sample of %lld rows", static_cast<long long>(rows->seen)),
                         errhint("Options \"max_rows\" and \"memory\" bound it.")));
    if (rows->null_rows > 0)
        ereport(NOTICE, (errmsg("%lld rows without an embedding or image were left out",
                                static_cast<long long>(rows->null_rows))));
    if (rows->bad_rows > 0)
        ereport(NOTICE, (errmsg("%lld rows with an image that cannot be embedded were left out",
                                static_cast<long long>(rows->bad_rows))));
}

}  // namespace imagehash::pg
