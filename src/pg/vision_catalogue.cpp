// Reads rows of the catalogue, loads what they say, and enters new ones; see vision_catalogue.h.
//
// A lookup must work in parallel workers, on standbys, inside COPY of a restore, and within any snapshot: so
// rows are read as PostgreSQL reads its own catalogs. Where a row is not there (yet), the function of its
// name is asked (catalogue_rows.cpp): pg_restore makes functions before it fills tables.
#include "pg/vision_catalogue.h"

#include "pg/catalogue_tables.h"
#include "pg/methods.h"
#include "pinned_models.h"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
}

namespace imagehash::pg {

// Columns of the two tables, from 0.
enum ModelColumn {
    kModelName,
    kModelFile,
    kModelSha256,
    kModelSide,
    kModelShortSide,
    kModelMean,
    kModelScale,
    kModelChannels,
    kModelLength,
    kModelColumns
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
    kHasherColumns
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
    vision::InputRecipe recipe;
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
    while (!OidIsValid(hasher_table)) hasher_table = catalogue_table(CatalogueTable::hasher);
    return hasher_table;
}

static void require_select(Oid table) {
    if (pg_class_aclcheck(table, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
        aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(table));
}

void require_use_of_hashers() {
    require_select(current_hasher_table());
}

// --- reading rows ------------------------------------------------------------------------------------------

// The columns of a tuple, in the current memory context.
static void take_row(HeapTuple tuple, TupleDesc descriptor, Row *row) {
    if (descriptor->natts > kMaxColumns)
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("unexpected columns in a catalogue table")));
    heap_deform_tuple(heap_copytuple(tuple), descriptor, row->values, row->nulls);
}

// The row whose `column` equals `value`, by the newest committed state and our own changes.
static bool scan_table(CatalogueTable which, int column, RegProcedure equals, Datum value, Row *row) {
    Relation table = table_open(catalogue_table(which), AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, column + 1, BTEqualStrategyNumber, equals, value);
    // Without an index: there are few rows, and weights lie outside of them.
    SysScanDesc scan = systable_beginscan(table, InvalidOid, false, nullptr, 1, &key);
    HeapTuple tuple = systable_getnext(scan);
    bool found = HeapTupleIsValid(tuple);
    if (found) take_row(tuple, RelationGetDescr(table), row);
    systable_endscan(scan);
    table_close(table, AccessShareLock);
    return found;
}

// The row that function returns, if it is of the kind and by the owner of the tables.
static bool call_function(HeapTuple procedure, Oid table, Row *row) {
    Form_pg_proc form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(procedure));
    if (form->prorettype != get_rel_type_id(table) || form->proretset || form->prokind != PROKIND_FUNCTION ||
        form->pronargs != 0 || form->proowner != owner_of(table))
        return false;
    HeapTupleHeader header = DatumGetHeapTupleHeader(OidFunctionCall0(form->oid));
    TupleDesc descriptor =
        lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
    HeapTupleData tuple = {};
    tuple.t_len = HeapTupleHeaderGetDatumLength(header);
    tuple.t_data = header;
    take_row(&tuple, descriptor, row);
    ReleaseTupleDesc(descriptor);
    return true;
}

// The row that the function beside it returns.
static bool ask_function(CatalogueTable which, const char *name, Row *row) {
    Oid table = catalogue_table(which);
    char *function = psprintf("%s %s", name_of(which), name);
    if (strlen(function) >= NAMEDATALEN) return false;
    HeapTuple procedure = SearchSysCache3(PROCNAMEARGSNSP, CStringGetDatum(function),
                                          PointerGetDatum(buildoidvector(nullptr, 0)),
                                          ObjectIdGetDatum(get_rel_namespace(table)));
    if (!HeapTupleIsValid(procedure)) return false;
    bool found = call_function(procedure, table, row);
    ReleaseSysCache(procedure);
    return found;
}

// The same for a model of which we know the bytes.
static bool ask_functions_for_model(bytea *sha256, Row *row) {
    Oid table = catalogue_table(CatalogueTable::image_model);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_proc_pronamespace, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(get_rel_namespace(table)));
    Relation procedures = table_open(ProcedureRelationId, AccessShareLock);
    SysScanDesc scan = systable_beginscan(procedures, InvalidOid, false, nullptr, 1, &key);
    HeapTuple procedure;
    bool found = false;
    while (!found && HeapTupleIsValid(procedure = systable_getnext(scan)))
        found =
            call_function(procedure, table, row) && !row->nulls[kModelSha256] &&
            DatumGetBool(DirectFunctionCall2(byteaeq, row->values[kModelSha256], PointerGetDatum(sha256)));
    systable_endscan(scan);
    table_close(procedures, AccessShareLock);
    return found;
}

static bool find_row(CatalogueTable which, const char *name, Row *row) {
    return scan_table(which, 0, F_TEXTEQ, CStringGetTextDatum(name), row) || ask_function(which, name, row);
}

// A row that was written by hand, past what the functions check.
[[noreturn]] static void bad_row(CatalogueTable which, const char *name) {
    ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                    errmsg("row \"%s\" of imagehash.%s is not as imagehash wrote it", name, name_of(which))));
    pg_unreachable();
}

static bool take_sha256(Datum value, uint8 sha256[kSha256Bytes]) {
    bytea *bytes = DatumGetByteaPP(value);
    if (VARSIZE_ANY_EXHDR(bytes) != kSha256Bytes) return false;
    memcpy(sha256, VARDATA_ANY(bytes), kSha256Bytes);
    return true;
}

static bool take_colours(Datum value, float colours[3]) {
    ArrayType *array = DatumGetArrayTypeP(value);
    if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] != 3 || ARR_HASNULL(array) ||
        ARR_ELEMTYPE(array) != FLOAT4OID)
        return false;
    memcpy(colours, ARR_DATA_PTR(array), 3 * sizeof(float));
    return true;
}

// --- models ------------------------------------------------------------------------------------------------

static void shipped_model_row(ModelRow *row) {
    *row = {};
    strlcpy(row->name, IMAGEHASH_NETWORK_NAME, NAMEDATALEN);
    sha256_from_text(IMAGEHASH_NETWORK_SHA256, kSha256Digits, row->sha256);
    row->recipe = vision::kShippedRecipe;
    row->length = vision::kShippedLength;
}

static void take_model(const Row *from, ModelRow *row) {
    *row = {};
    for (int i = 0; i < kModelColumns; i++)
        if (from->nulls[i]) bad_row(CatalogueTable::image_model, "");
    strlcpy(row->name, TextDatumGetCString(from->values[kModelName]), NAMEDATALEN);
    row->path = TextDatumGetCString(from->values[kModelFile]);
    row->recipe.side = DatumGetInt32(from->values[kModelSide]);
    row->recipe.short_side = DatumGetInt32(from->values[kModelShortSide]);
    row->recipe.bgr = strcmp(TextDatumGetCString(from->values[kModelChannels]), "bgr") == 0;
    row->length = DatumGetInt32(from->values[kModelLength]);
    if (!take_sha256(from->values[kModelSha256], row->sha256) ||
        !take_colours(from->values[kModelMean], row->recipe.mean) ||
        !take_colours(from->values[kModelScale], row->recipe.scale) || row->path[0] != '/')
        bad_row(CatalogueTable::image_model, row->name);
}

void find_model(const char *name, ModelRow *row) {
    Oid table = catalogue_table(CatalogueTable::image_model);
    require_select(table);
    if (strcmp(name, IMAGEHASH_NETWORK_NAME) == 0) {
        shipped_model_row(row);
        return;
    }
    lock_catalogue_name(table, name, AccessShareLock);
    Row found;
    if (find_row(CatalogueTable::image_model, name, &found))
        take_model(&found, row);
    else
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" does not exist", name),
                        errhint("SELECT name FROM imagehash.image_model lists the models; a superuser "
                                "registers one with image_model_create().")));
}

static const LoadedModel *load_shipped_model() {
    load_shipped(true, false, ERROR);
    return shipped_model();
}

// By its bytes and recipe: what a name means is asked each time, and a file that is loaded is not read again.
static const LoadedModel *load_model(const ModelRow *row) {
    if (!row->path) return load_shipped_model();
    for (CachedModel *cached = cached_models; cached; cached = cached->next)
        if (memcmp(cached->sha256, row->sha256, kSha256Bytes) == 0 &&
            memcmp(&cached->recipe, &row->recipe, sizeof(cached->recipe)) == 0)
            return &cached->loaded;

    ModelFile file = {row->path, {}, row->name};
    memcpy(file.sha256, row->sha256, kSha256Bytes);
    vision::Bytes bytes;
    read_model_file(&file, ERROR, &bytes);
    CachedModel *cached =
        static_cast<CachedModel *>(MemoryContextAllocZero(TopMemoryContext, sizeof(CachedModel)));
    cached->loaded = load_network_of(&file, bytes, row->recipe);
    pfree(const_cast<uint8_t *>(bytes.data));
    memcpy(cached->sha256, row->sha256, kSha256Bytes);
    memcpy(&cached->recipe, &row->recipe, sizeof(cached->recipe));
    cached->next = cached_models;
    cached_models = cached;
    return &cached->loaded;
}

const LoadedModel *model_by_name(const char *name) {
    ModelRow row;
    find_model(name, &row);
    return load_model(&row);
}

static bool model_by_sha256(const uint8 sha256[kSha256Bytes], ModelRow *row) {
    shipped_model_row(row);
    if (memcmp(row->sha256, sha256, kSha256Bytes) == 0) return true;
    bytea *wanted = static_cast<bytea *>(palloc(VARHDRSZ + kSha256Bytes));
    SET_VARSIZE(wanted, VARHDRSZ + kSha256Bytes);
    memcpy(VARDATA(wanted), sha256, kSha256Bytes);
    Row found;
    if (!scan_table(CatalogueTable::image_model, kModelSha256, F_BYTEAEQ, PointerGetDatum(wanted), &found) &&
        !ask_functions_for_model(wanted, &found))
        return false;
    take_model(&found, row);
    return true;
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
                 errhint("A superuser registers it with image_model_create(). Embeddings can be hashed "
                         "without it.")));
    }
    return load_model(&row);
}

// --- hashers -----------------------------------------------------------------------------------------------

static void take_hasher(const Row *from, CachedHasher *hasher) {
    HasherRow *row = &hasher->row;
    const int needed[] = {kHasherName,  kHasherBits,    kHasherMethod,
                          kHasherModel, kHasherWeights, kHasherCreated};
    for (int column : needed)
        if (from->nulls[column]) bad_row(CatalogueTable::hasher, "");
    strlcpy(row->name, TextDatumGetCString(from->values[kHasherName]), NAMEDATALEN);
    row->bits = DatumGetInt32(from->values[kHasherBits]);
    hasher->created = DatumGetTimestampTz(from->values[kHasherCreated]);
    char *method = TextDatumGetCString(from->values[kHasherMethod]);
    if (!semantic_method_from_name(method, &row->method) ||
        !take_sha256(from->values[kHasherModel], row->model_sha256))
        bad_row(CatalogueTable::hasher, row->name);
}

static bool same_hasher(const CachedHasher *a, const CachedHasher *b) {
    return a->row.method == b->row.method && a->row.bits == b->row.bits && a->created == b->created &&
           memcmp(a->row.model_sha256, b->row.model_sha256, kSha256Bytes) == 0;
}

static void unload(CachedHasher *cached) {
    if (cached->is_loaded) vision::unload_hasher(cached->loaded.hasher);
    cached->is_loaded = false;
}

static void load_weights(Datum value, CachedHasher *cached) {
    bytea *weights = DatumGetByteaPP(value);
    vision::Bytes file = {reinterpret_cast<uint8_t *>(VARDATA_ANY(weights)), VARSIZE_ANY_EXHDR(weights)};
    LoadedHasher *loaded = &cached->loaded;
    check_status(vision::load_hasher(file, &loaded->hasher, &loaded->shape));
    loaded->method = cached->row.method;
    cached->is_loaded = true;
    if (loaded->shape.bits != cached->row.bits) {
        unload(cached);
        bad_row(CatalogueTable::hasher, cached->row.name);
    }
}

bool hasher_exists(const char *name) {
    Row row;
    return scan_table(CatalogueTable::hasher, kHasherName, F_TEXTEQ, CStringGetTextDatum(name), &row);
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
    if (!find_row(CatalogueTable::hasher, name, &row)) {
        if (cached) unload(cached);
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("hasher \"%s\" does not exist", name),
                        errhint("SELECT name FROM imagehash.hasher lists the hashers; train_hasher() and "
                                "hasher_import() make one.")));
    }
    take_hasher(&row, &now);
    if (!cached) cached = new_entry(name);
    if (!cached->is_loaded || !same_hasher(cached, &now)) {
        unload(cached);
        cached->row = now.row;
        cached->created = now.created;
        load_weights(row.values[kHasherWeights], cached);
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
            row->bits = shipped_hasher()->shape.bits;
            row->method = shipped_hasher()->method;
            sha256_from_text(IMAGEHASH_NETWORK_SHA256, kSha256Digits, row->model_sha256);
        }
        return shipped_hasher();
    }
    lock_catalogue_name(current_hasher_table(), name, AccessShareLock);
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
