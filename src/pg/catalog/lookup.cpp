// Reads rows of the catalog, loads what they say, and enters new ones.
//
// A lookup must work in parallel workers, on standbys, inside COPY of a restore, and within any snapshot: so
// rows are read as PostgreSQL reads its own catalogs. Where a row is not there (yet), the function of its
// name is asked (rows.cpp): pg_restore makes functions before it fills tables.
#include "pg/catalog/lookup.h"

#include "pg/catalog/tables.h"
#include "pg/server/errors.h"
#include "pg/server/libraries.h"
#include "pg/value/methods.h"
#include "pinned_models.h"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
}

namespace imagehash::pg {

namespace {

// Columns of the two tables, from 0. Later versions may add some behind them.
enum ModelColumn {
    kModelName,
    kModelFile,
    kModelSha256,
    kModelSide,
    kModelShortSide,
    kModelMean,
    kModelStd,
    kModelChannels,
    kModelLength,
    kModelCreated,
    kModelCreatedBy
};
enum HasherColumn {
    kHasherName,
    kHasherBits,
    kHasherMethod,
    kHasherModel,
    kHasherWeights,
    kHasherRecipe,
    kHasherQuality,
    kHasherCreated,
    kHasherCreatedBy
};

struct Column {
    const char *name;
    Oid type;
};
constexpr int kMaxColumns = 16;

// A row with its values in the current memory context.
struct Row {
    Datum values[kMaxColumns];
    bool nulls[kMaxColumns];
};

// What a session has loaded; in TopMemoryContext.
struct CachedModel {
    CachedModel *next;
    uint8 sha256[kSha256Bytes];
    Preprocessing preprocessing;
    LoadedModel loaded;
};
struct CachedHasher {
    CachedHasher *next;
    uint64 seen;  // `changes` when the row was last looked at
    HasherRow row;
    TimestampTz created;
    bool is_loaded;
    LoadedHasher loaded;
};

}  // namespace

constexpr Column kModelColumns[] = {
    {"name", TEXTOID},       {"file", TEXTOID},
    {"sha256", BYTEAOID},    {"side", INT4OID},
    {"short_side", INT4OID}, {"mean", FLOAT4ARRAYOID},
    {"std", FLOAT4ARRAYOID}, {"channels", TEXTOID},
    {"length", INT4OID},     {"created_at", TIMESTAMPTZOID},
    {"created_by", NAMEOID},
};
constexpr Column kHasherColumns[] = {
    {"name", TEXTOID},       {"bits", INT4OID},    {"method", TEXTOID},   {"model_sha256", BYTEAOID},
    {"weights", BYTEAOID},   {"recipe", JSONBOID}, {"quality", JSONBOID}, {"created_at", TIMESTAMPTZOID},
    {"created_by", NAMEOID},
};

static CachedModel *cached_models;
static CachedHasher *cached_hashers;

// Counts invalidations of imagehash.hasher.
static uint64 changes;
static Oid hasher_table;

static void note_change(Datum, Oid relation) {
    if (relation == InvalidOid || relation == hasher_table) {
        changes++;
        hasher_table = InvalidOid;
    }
}

// Its OID is looked for again after each change: DROP EXTENSION is one.
static Oid current_hasher_table() {
    static bool registered = false;
    if (!registered) CacheRegisterRelcacheCallback(note_change, static_cast<Datum>(0));
    registered = true;
    while (!OidIsValid(hasher_table)) hasher_table = catalog_table(CatalogTable::hasher);
    return hasher_table;
}

// SELECT on the table, or on its column "name".
static void require_select(Oid table) {
    if (pg_class_aclcheck(table, GetUserId(), ACL_SELECT) != ACLCHECK_OK &&
        pg_attribute_aclcheck(table, 1, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
        aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(table));
}

void require_use_of_hashers() {
    require_select(current_hasher_table());
}

// --- reading rows ------------------------------------------------------------------------------------------

static const Column *columns_of(CatalogTable which, int *count) {
    bool hasher = which == CatalogTable::hasher;
    *count = hasher ? static_cast<int>(lengthof(kHasherColumns)) : static_cast<int>(lengthof(kModelColumns));
    return hasher ? kHasherColumns : kModelColumns;
}

// The columns of a tuple, in the current memory context.
static void take_row(CatalogTable which, HeapTuple tuple, TupleDesc descriptor, Row *row) {
    int count;
    const Column *columns = columns_of(which, &count);
    bool good = descriptor->natts >= count && descriptor->natts <= kMaxColumns;
    for (int i = 0; good && i < count; i++) good = TupleDescAttr(descriptor, i)->atttypid == columns[i].type;
    if (!good)
        ereport(ERROR,
                (errcode(ERRCODE_DATA_CORRUPTED),
                 errmsg("table imagehash.%s does not have the columns that imagehash made", name_of(which))));
    heap_deform_tuple(heap_copytuple(tuple), descriptor, row->values, row->nulls);
}

// The row whose `column` equals `value`, by the newest committed state and our own changes.
static bool scan_table(CatalogTable which, int column, RegProcedure equals, Datum value, Row *row) {
    Relation table = table_open(catalog_table(which), AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, column + 1, BTEqualStrategyNumber, equals, value);
    // Without an index: there are few rows, and weights lie outside of them.
    SysScanDesc scan = systable_beginscan(table, InvalidOid, false, nullptr, 1, &key);
    HeapTuple tuple = systable_getnext(scan);
    bool found = HeapTupleIsValid(tuple);
    if (found) take_row(which, tuple, RelationGetDescr(table), row);
    systable_endscan(scan);
    table_close(table, AccessShareLock);
    return found;
}

// The row that a function beside it returns.
static void call_function(CatalogTable which, Oid function, Row *row) {
    HeapTupleHeader header = DatumGetHeapTupleHeader(OidFunctionCall0(function));
    TupleDesc descriptor =
        lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
    HeapTupleData tuple = {};
    tuple.t_len = HeapTupleHeaderGetDatumLength(header);
    tuple.t_data = header;
    take_row(which, &tuple, descriptor, row);
    ReleaseTupleDesc(descriptor);
}

static bool ask_function(CatalogTable which, const char *name, Row *row) {
    Oid function = function_beside(which, name);
    if (OidIsValid(function)) call_function(which, function, row);
    return OidIsValid(function);
}

// The same for a model of which we know the bytes.
static bool ask_functions_for_model(bytea *sha256, Row *row) {
    Oid table = catalog_table(CatalogTable::image_model), owner = owner_of(table);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_proc_pronamespace, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(get_rel_namespace(table)));
    Relation procedures = table_open(ProcedureRelationId, AccessShareLock);
    SysScanDesc scan = systable_beginscan(procedures, InvalidOid, false, nullptr, 1, &key);
    HeapTuple procedure;
    bool found = false;
    while (!found && HeapTupleIsValid(procedure = systable_getnext(scan))) {
        Form_pg_proc form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(procedure));
        if (!is_function_beside(form, table, owner)) continue;
        call_function(CatalogTable::image_model, form->oid, row);
        found =
            !row->nulls[kModelSha256] &&
            DatumGetBool(DirectFunctionCall2(byteaeq, row->values[kModelSha256], PointerGetDatum(sha256)));
    }
    systable_endscan(scan);
    table_close(procedures, AccessShareLock);
    return found;
}

static bool find_row(CatalogTable which, const char *name, Row *row) {
    return scan_table(which, 0, F_TEXTEQ, CStringGetTextDatum(name), row) || ask_function(which, name, row);
}

// A row that was written by hand, past what constraints, triggers and functions check. `detail` says what is
// wrong.
[[noreturn]] static void bad_row(CatalogTable which, const char *name, const char *detail) {
    ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                    errmsg("row \"%s\" of imagehash.%s is not as imagehash wrote it", name, name_of(which)),
                    errdetail_internal("%s", detail)));
    pg_unreachable();
}

static const char *name_in(const Row *row) {
    return row->nulls[0] ? "" : TextDatumGetCString(row->values[0]);
}

// The same for the value of a column.
[[noreturn]] static void bad_value(CatalogTable which, const Row *row, int number) {
    constexpr int kShown = 100;  // bytes
    int count;
    const Column *column = columns_of(which, &count) + number;
    char *value = pstrdup("null");
    if (!row->nulls[number] && column->type == BYTEAOID) {
        value = psprintf("of %d bytes",
                         static_cast<int>(VARSIZE_ANY_EXHDR(DatumGetByteaPP(row->values[number]))));
    } else if (!row->nulls[number]) {
        Oid output;
        bool is_varlena;
        getTypeOutputInfo(column->type, &output, &is_varlena);
        value = OidOutputFunctionCall(output, row->values[number]);
        value[pg_mbcliplen(value, static_cast<int>(strlen(value)), kShown)] = '\0';
        value = psprintf("\"%s\"", value);
    }
    bad_row(which, name_in(row), psprintf("Column \"%s\" is %s.", column->name, value));
}

static void check_not_null(CatalogTable which, const Row *row) {
    int count;
    columns_of(which, &count);
    for (int i = 0; i < count; i++)
        if (row->nulls[i]) bad_value(which, row, i);
}

static bool is_catalog_name(const char *name) {
    return name[0] != '\0' && strlen(name) <= kMaxCatalogName;
}

static bool take_sha256(Datum value, uint8 sha256[kSha256Bytes]) {
    bytea *bytes = DatumGetByteaPP(value);
    if (VARSIZE_ANY_EXHDR(bytes) != kSha256Bytes) return false;
    memcpy(sha256, VARDATA_ANY(bytes), kSha256Bytes);
    return true;
}

static bool take_colors(Datum value, float colors[3]) {
    ArrayType *array = DatumGetArrayTypeP(value);
    if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] != 3 || ARR_HASNULL(array) ||
        ARR_ELEMTYPE(array) != FLOAT4OID)
        return false;
    memcpy(colors, ARR_DATA_PTR(array), 3 * sizeof(float));
    return true;
}

// --- models ------------------------------------------------------------------------------------------------

static void shipped_model_row(ModelRow *row) {
    *row = {};
    strlcpy(row->name, IMAGEHASH_NETWORK_NAME, NAMEDATALEN);
    sha256_from_text(IMAGEHASH_NETWORK_SHA256, kSha256Digits, row->sha256);
    row->preprocessing = kShippedPreprocessing;
    row->length = semantic::kShippedLength;
}

static ModelColumn column_of(PreprocessingFault fault) {
    switch (fault) {
        case PreprocessingFault::side:
            return kModelSide;
        case PreprocessingFault::mean:
            return kModelMean;
        case PreprocessingFault::scale:
            return kModelStd;
        case PreprocessingFault::short_side:
        case PreprocessingFault::short_side_below_side:
        case PreprocessingFault::none:
            break;
    }
    return kModelShortSide;
}

static void take_model(const Row *from, ModelRow *row) {
    constexpr CatalogTable which = CatalogTable::image_model;
    *row = {};
    check_not_null(which, from);
    const char *name = TextDatumGetCString(from->values[kModelName]);
    const char *channels = TextDatumGetCString(from->values[kModelChannels]);
    row->path = TextDatumGetCString(from->values[kModelFile]);
    row->preprocessing.side = DatumGetInt32(from->values[kModelSide]);
    row->preprocessing.short_side = DatumGetInt32(from->values[kModelShortSide]);
    row->preprocessing.bgr = strcmp(channels, "bgr") == 0;
    row->length = DatumGetInt32(from->values[kModelLength]);
    if (!is_catalog_name(name)) bad_value(which, from, kModelName);
    strlcpy(row->name, name, NAMEDATALEN);
    if (row->path[0] != '/') bad_value(which, from, kModelFile);
    if (!take_sha256(from->values[kModelSha256], row->sha256)) bad_value(which, from, kModelSha256);
    if (!take_colors(from->values[kModelMean], row->preprocessing.mean)) bad_value(which, from, kModelMean);
    if (!take_colors(from->values[kModelStd], row->preprocessing.scale))
        bad_value(which, from, kModelStd);
    PreprocessingFault fault = fault_of(row->preprocessing);
    if (fault != PreprocessingFault::none) bad_value(which, from, column_of(fault));
    if (!row->preprocessing.bgr && strcmp(channels, "rgb") != 0) bad_value(which, from, kModelChannels);
    if (row->length < 1 || row->length > semantic::kMaxEmbeddingLength) bad_value(which, from, kModelLength);
}

// Its owner can switch off the trigger that asks for a superuser.
void require_trusted_models() {
    Oid table = catalog_table(CatalogTable::image_model), owner = owner_of(table);
    if (superuser_arg(owner)) return;
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("registered models cannot be used while \"%s\", who is no superuser, owns table "
                           "imagehash.image_model",
                           GetUserNameFromId(owner, false)),
                    errdetail("A registered network is code that runs with the rights of the server."),
                    errhint("Give it to a superuser: ALTER TABLE imagehash.image_model OWNER TO ...")));
}

void find_model(const char *name, ModelRow *row) {
    Oid table = catalog_table(CatalogTable::image_model);
    require_select(table);
    if (strcmp(name, IMAGEHASH_NETWORK_NAME) == 0) {
        shipped_model_row(row);
        return;
    }
    require_trusted_models();
    lock_catalog_name(table, name, AccessShareLock);
    Row found;
    if (find_row(CatalogTable::image_model, name, &found))
        take_model(&found, row);
    else
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" does not exist", name),
                        errhint("SELECT name FROM imagehash.image_model lists the models; a superuser "
                                "registers one with create_image_model().")));
}

static const LoadedModel *load_shipped_model() {
    load_shipped(true, false, ERROR);
    return shipped_model();
}

// By its bytes and preprocessing: what a name means is asked each time, and a file that is loaded is not read
// again.
static const LoadedModel *load_registered_model(const ModelRow *row) {
    for (CachedModel *cached = cached_models; cached; cached = cached->next)
        if (memcmp(cached->sha256, row->sha256, kSha256Bytes) == 0 &&
            memcmp(&cached->preprocessing, &row->preprocessing, sizeof(cached->preprocessing)) == 0)
            return &cached->loaded;

    ModelFile file = {row->path, {}, row->name};
    memcpy(file.sha256, row->sha256, kSha256Bytes);
    Bytes bytes;
    read_model_file(&file, ERROR, &bytes);
    CachedModel *cached =
        static_cast<CachedModel *>(MemoryContextAllocZero(TopMemoryContext, sizeof(CachedModel)));
    cached->loaded = load_network_of(&file, bytes, row->preprocessing);
    pfree(const_cast<uint8_t *>(bytes.data));
    memcpy(cached->sha256, row->sha256, kSha256Bytes);
    memcpy(&cached->preprocessing, &row->preprocessing, sizeof(cached->preprocessing));
    cached->next = cached_models;
    cached_models = cached;
    return &cached->loaded;
}

static const LoadedModel *load_model(const ModelRow *row) {
    if (!row->path) return load_shipped_model();
    const LoadedModel *model = load_registered_model(row);
    if (model->length != row->length)
        bad_row(CatalogTable::image_model, row->name,
                psprintf("Column \"length\" is \"%d\", and its network makes embeddings of %d values.",
                         row->length, model->length));
    return model;
}

const LoadedModel *model_by_name(const char *name) {
    ModelRow row;
    find_model(name, &row);
    return load_model(&row);
}

// A registered one.
static bool find_row_of_network(const uint8 sha256[kSha256Bytes], Row *row) {
    bytea *wanted = static_cast<bytea *>(palloc(VARHDRSZ + kSha256Bytes));
    SET_VARSIZE(wanted, VARHDRSZ + kSha256Bytes);
    memcpy(VARDATA(wanted), sha256, kSha256Bytes);
    return scan_table(CatalogTable::image_model, kModelSha256, F_BYTEAEQ, PointerGetDatum(wanted), row) ||
           ask_functions_for_model(wanted, row);
}

static bool model_by_sha256(const uint8 sha256[kSha256Bytes], ModelRow *row) {
    shipped_model_row(row);
    if (memcmp(row->sha256, sha256, kSha256Bytes) == 0) return true;
    Row found;
    if (!find_row_of_network(sha256, &found)) return false;
    require_trusted_models();
    take_model(&found, row);
    return true;
}

static void check_fits(const HasherRow *hasher, const char *model, int length) {
    if (hasher->input == length) return;
    ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                    errmsg("hasher \"%s\" does not fit its model \"%s\"", hasher->name, model),
                    errdetail("The hasher takes embeddings of %d values, the model makes %d.", hasher->input,
                              length)));
}

// What the row of a hasher's model says, without loading its network; 0 where it is not registered (yet):
// embeddings can be hashed all the same.
static int registered_length(const HasherRow *hasher, const char **model) {
    Row row;
    *model = IMAGEHASH_NETWORK_NAME;
    ModelRow shipped;
    shipped_model_row(&shipped);
    if (memcmp(shipped.sha256, hasher->model_sha256, kSha256Bytes) == 0) return shipped.length;
    if (!find_row_of_network(hasher->model_sha256, &row) || row.nulls[kModelLength]) return 0;
    *model = name_in(&row);
    return DatumGetInt32(row.values[kModelLength]);
}

const LoadedModel *model_of_hasher(const HasherRow *hasher) {
    ModelRow row;
    if (!model_by_sha256(hasher->model_sha256, &row)) {
        char digits[kSha256Digits + 1];
        sha256_text(hasher->model_sha256, digits);
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_OBJECT),
                 errmsg("the model of hasher \"%s\" is not registered in this database", hasher->name),
                 errdetail("The SHA-256 of its file is %s.", digits),
                 errhint("A superuser registers it with create_image_model(). Embeddings can be hashed "
                         "without it.")));
    }
    const LoadedModel *model = load_model(&row);
    check_fits(hasher, row.name, model->length);
    return model;
}

// --- hashers -----------------------------------------------------------------------------------------------

static void take_hasher(const Row *from, CachedHasher *hasher) {
    constexpr CatalogTable which = CatalogTable::hasher;
    HasherRow *row = &hasher->row;
    check_not_null(which, from);
    const char *name = TextDatumGetCString(from->values[kHasherName]);
    if (!is_catalog_name(name)) bad_value(which, from, kHasherName);
    strlcpy(row->name, name, NAMEDATALEN);
    row->bits = DatumGetInt32(from->values[kHasherBits]);
    if (row->bits < kMinBits || row->bits > kMaxBits || row->bits % 8 != 0)
        bad_value(which, from, kHasherBits);
    if (!semantic_method_from_name(TextDatumGetCString(from->values[kHasherMethod]), &row->method))
        bad_value(which, from, kHasherMethod);
    if (!take_sha256(from->values[kHasherModel], row->model_sha256)) bad_value(which, from, kHasherModel);
    hasher->created = DatumGetTimestampTz(from->values[kHasherCreated]);
}

static bool same_hasher(const CachedHasher *a, const CachedHasher *b) {
    return a->row.method == b->row.method && a->row.bits == b->row.bits && a->created == b->created &&
           memcmp(a->row.model_sha256, b->row.model_sha256, kSha256Bytes) == 0;
}

static void unload(CachedHasher *cached) {
    if (cached->is_loaded) semantic_library().unload_hasher(cached->loaded.hasher);
    cached->is_loaded = false;
}

static void load_weights(Datum value, CachedHasher *cached) {
    bytea *weights = DatumGetByteaPP(value);
    Bytes file = {reinterpret_cast<uint8_t *>(VARDATA_ANY(weights)), VARSIZE_ANY_EXHDR(weights)};
    LoadedHasher *loaded = &cached->loaded;
    Status status = semantic_library().load_hasher(file, &loaded->hasher, &loaded->shape);
    if (status.kind == ErrorKind::bad_model)
        bad_row(CatalogTable::hasher, cached->row.name,
                psprintf("Column \"weights\" is no hasher: %s.", status.message));
    check_status(status);
    loaded->method = cached->row.method;
    cached->row.input = loaded->shape.input;
    cached->is_loaded = true;
    if (loaded->shape.bits != cached->row.bits) {
        unload(cached);
        bad_row(CatalogTable::hasher, cached->row.name,
                psprintf("Column \"bits\" is \"%d\", and its weights make %d.", cached->row.bits,
                         loaded->shape.bits));
    }
}

bool hasher_exists(const char *name) {
    Row row;
    return scan_table(CatalogTable::hasher, kHasherName, F_TEXTEQ, CStringGetTextDatum(name), &row);
}

static CachedHasher *cached_hasher(const char *name) {
    for (CachedHasher *cached = cached_hashers; cached; cached = cached->next)
        if (strcmp(cached->row.name, name) == 0) return cached;
    return nullptr;
}

// An entry without weights.
static CachedHasher *new_entry(const char *name) {
    CachedHasher *cached =
        static_cast<CachedHasher *>(MemoryContextAllocZero(TopMemoryContext, sizeof(CachedHasher)));
    strlcpy(cached->row.name, name, NAMEDATALEN);
    cached->next = cached_hashers;
    return cached_hashers = cached;
}

// Looks at the row, and loads its weights where they are not those loaded already.
static CachedHasher *look_up_hasher(const char *name, CachedHasher *cached) {
    uint64 seen = changes;  // what changes while we look makes us look again next time
    Row row;
    CachedHasher now = {};
    if (!find_row(CatalogTable::hasher, name, &row)) {
        if (cached) unload(cached);
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("hasher \"%s\" does not exist", name),
                        errhint("SELECT name FROM imagehash.hasher lists the hashers; train_hasher() and "
                                "import_hasher() make one.")));
    }
    take_hasher(&row, &now);
    if (!cached) cached = new_entry(name);
    if (!cached->is_loaded || !same_hasher(cached, &now)) {
        unload(cached);
        cached->row = now.row;
        cached->created = now.created;
        const char *model;
        int length = registered_length(&cached->row, &model);
        load_weights(row.values[kHasherWeights], cached);
        if (length != 0 && length != cached->row.input) unload(cached);
        if (!cached->is_loaded) check_fits(&cached->row, model, length);
    }
    cached->seen = seen;
    return cached;
}

const LoadedHasher *hasher_by_name(const char *name, HasherRow *row) {
    require_use_of_hashers();
    if (strcmp(name, IMAGEHASH_HASHER_NAME) == 0) {
        load_shipped(false, true, ERROR);
        if (row) {
            *row = {};
            strlcpy(row->name, name, NAMEDATALEN);
            row->input = shipped_hasher()->shape.input;
            row->bits = shipped_hasher()->shape.bits;
            row->method = shipped_hasher()->method;
            sha256_from_text(IMAGEHASH_NETWORK_SHA256, kSha256Digits, row->model_sha256);
        }
        return shipped_hasher();
    }
    lock_catalog_name(current_hasher_table(), name, AccessShareLock);
    CachedHasher *cached = cached_hasher(name);
    if (!cached || !cached->is_loaded || cached->seen != changes) {
        MemoryContext here =
            AllocSetContextCreate(CurrentMemoryContext, "imagehash row", ALLOCSET_SMALL_SIZES);
        MemoryContext caller = MemoryContextSwitchTo(here);
        cached = look_up_hasher(name, cached);
        MemoryContextSwitchTo(caller);
        MemoryContextDelete(here);
    }
    if (row) *row = cached->row;
    return &cached->loaded;
}

ImageHasher shipped_image_hasher() {
    load_shipped(true, true, ERROR);
    return {shipped_model(), *shipped_hasher()};
}

ImageHasher image_hasher_by_name(const char *name) {
    HasherRow row;
    LoadedHasher hasher = *hasher_by_name(name, &row);
    return {model_of_hasher(&row), hasher};
}

}  // namespace imagehash::pg
