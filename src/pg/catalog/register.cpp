// Enters models and hashers into the catalog: create_image_model(), import_hasher(), and store_hasher() for
// what is trained. Everything is checked here with its reason; lookups check ranges again, since rows can
// come in otherwise.
//
// Rows are inserted as the owner of the tables, so that nobody else needs rights on them.
#include "pg/catalog/register.h"

#include "pg/server/as_owner.h"
#include "pg/catalog/tables.h"
#include "pg/server/errors.h"
#include "pg/server/libraries.h"
#include "pg/value/methods.h"
#include "pg/catalog/lookup.h"
#include "pinned_models.h"

extern "C" {
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
}

#include <climits>
#include <cmath>

using namespace imagehash;

namespace imagehash::pg {

// One INSERT as the owner of the table.
static void insert_as_owner(CatalogTable which, const char *statement, int count, Oid *types, Datum *values) {
    bool inserted = false;
    run_as(owner_of(catalog_table(which)), [&] {
        SPI_connect();
        int result = SPI_execute_with_args(statement, count, types, values, nullptr, false, 0);
        if (result != SPI_OK_INSERT)
            ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
                            errmsg("could not insert: %s", SPI_result_code_string(result))));
        inserted = SPI_processed == 1;
        SPI_finish();
    });
    if (!inserted)
        ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT),
                        which == CatalogTable::hasher
                            ? errmsg("hasher \"%s\" already exists", TextDatumGetCString(values[0]))
                            : errmsg("model \"%s\", or another of the same file, already exists",
                                     TextDatumGetCString(values[0])),
                        errhint("What exists is never overwritten; choose another name, or drop it.")));
}

static bytea *make_bytea(const uint8_t *data, size_t size) {
    bytea *made = static_cast<bytea *>(palloc_extended(VARHDRSZ + size, MCXT_ALLOC_HUGE));
    SET_VARSIZE(made, VARHDRSZ + size);
    memcpy(VARDATA(made), data, size);
    return made;
}

// --- preprocessing
// -----------------------------------------------------------------------------------------------

#define PREPROCESSING_ERROR(...) ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), __VA_ARGS__))

static double number_of(const char *key, const JsonbValue *value) {
    if (value->type != jbvNumeric)
        PREPROCESSING_ERROR(errmsg("\"%s\" of the preprocessing must be a number", key));
    return DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(value->val.numeric)));
}

// A number that is no integer, or none of int's, is out of any range.
static int integer_of(const char *key, const JsonbValue *value) {
    double number = number_of(key, value);
    return number >= INT_MIN && number <= INT_MAX && number == std::floor(number) ? static_cast<int>(number)
                                                                                  : INT_MIN;
}

// A number, or an array of three.
static void colors_of(const char *key, JsonbValue *value, float colors[3]) {
    if (value->type == jbvNumeric) {
        for (int i = 0; i < 3; i++) colors[i] = static_cast<float>(number_of(key, value));
    } else {
        if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data) ||
            JsonContainerSize(value->val.binary.data) != 3)
            PREPROCESSING_ERROR(errmsg(
                "\"%s\" of the preprocessing must be a number or an array of three: red, green, blue", key));
        for (int i = 0; i < 3; i++)
            colors[i] =
                static_cast<float>(number_of(key, getIthJsonbValueFromContainer(value->val.binary.data, i)));
    }
}

static bool text_is(const JsonbValue *value, const char *text) {
    return value->type == jbvString && value->val.string.len == static_cast<int>(strlen(text)) &&
           strncmp(value->val.string.val, text, value->val.string.len) == 0;
}

static const char *const kPreprocessingKeys[] = {"side", "short_side", "mean", "std", "channels", "layout"};

static void check_keys(Jsonb *json) {
    if (!JB_ROOT_IS_OBJECT(json)) PREPROCESSING_ERROR(errmsg("preprocessing must be a JSON object"));
    JsonbIterator *iterator = JsonbIteratorInit(&json->root);
    JsonbValue value;
    JsonbIteratorToken token;
    while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE) {
        if (token != WJB_KEY) continue;
        bool known = false;
        for (const char *key : kPreprocessingKeys) known = known || text_is(&value, key);
        if (!known)
            PREPROCESSING_ERROR(errmsg("unknown key \"%s\" in preprocessing",
                                       pnstrdup(value.val.string.val, value.val.string.len)),
                                errhint("Keys are side, short_side, mean, std, channels, layout."));
    }
}

static JsonbValue *value_of(Jsonb *json, const char *key, bool required) {
    JsonbValue *value =
        getKeyJsonValueFromContainer(&json->root, key, static_cast<int>(strlen(key)), nullptr);
    if (!value && required) PREPROCESSING_ERROR(errmsg("preprocessing must have the key \"%s\"", key));
    return value;
}

static void check_preprocessing(const Preprocessing &preprocessing) {
    switch (fault_of(preprocessing)) {
        case PreprocessingFault::none:
            break;
        case PreprocessingFault::side:
            PREPROCESSING_ERROR(
                errmsg("\"side\" of the preprocessing must be an integer from %d to %d", kMinSide, kMaxSide));
            break;
        case PreprocessingFault::short_side:
            PREPROCESSING_ERROR(errmsg("\"short_side\" of the preprocessing must be an integer from %d to %d",
                                       0, kMaxShortSide));
            break;
        case PreprocessingFault::short_side_below_side:
            PREPROCESSING_ERROR(errmsg("\"short_side\" of the preprocessing must be 0 or at least \"side\""));
            break;
        case PreprocessingFault::mean:
            PREPROCESSING_ERROR(errmsg("\"mean\" of the preprocessing is out of range"));
            break;
        case PreprocessingFault::scale:
            for (float scale : preprocessing.scale)
                if (!std::isfinite(scale))
                    PREPROCESSING_ERROR(errmsg("\"std\" of the preprocessing is out of range"));
            PREPROCESSING_ERROR(
                errmsg("\"std\" of the preprocessing must be at least 1"),
                errhint("Pixels count from 0 to 255 here: multiply mean and std by 255 where they were "
                        "made for pixels from 0 to 1."));
    }
}

static void read_preprocessing(Jsonb *json, Preprocessing *preprocessing) {
    memset(preprocessing, 0, sizeof(*preprocessing));
    check_keys(json);
    preprocessing->side = integer_of("side", value_of(json, "side", true));
    preprocessing->short_side = preprocessing->side;
    if (JsonbValue *value = value_of(json, "short_side", false))
        preprocessing->short_side = integer_of("short_side", value);
    colors_of("mean", value_of(json, "mean", true), preprocessing->mean);
    colors_of("std", value_of(json, "std", true), preprocessing->scale);
    check_preprocessing(*preprocessing);
    if (JsonbValue *value = value_of(json, "channels", false)) {
        preprocessing->bgr = text_is(value, "bgr");
        if (!preprocessing->bgr && !text_is(value, "rgb"))
            PREPROCESSING_ERROR(errmsg("\"channels\" of the preprocessing must be \"rgb\" or \"bgr\""));
    }
    if (JsonbValue *value = value_of(json, "layout", false))
        if (!text_is(value, "nchw"))
            PREPROCESSING_ERROR(errmsg("\"layout\" of the preprocessing must be \"nchw\""));
}

// --- models ------------------------------------------------------------------------------------------------

static ModelFile model_file(const char *name, const char *path, const char *sha256) {
    ModelFile file = {path, {}, name};
    if (!sha256_from_text(sha256, strlen(sha256), file.sha256))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("sha256 must be %d hexadecimal digits", kSha256Digits)));
    if (path[0] != '/')
        ereport(ERROR, (errcode(ERRCODE_INVALID_NAME),
                        errmsg("file of a model must be an absolute path, not \"%s\"", path)));
    return file;
}

static Datum colors_datum(const float colors[3]) {
    Datum values[3];
    for (int i = 0; i < 3; i++) values[i] = Float4GetDatum(colors[i]);
    return PointerGetDatum(construct_array(values, 3, FLOAT4OID, sizeof(float4), true, TYPALIGN_INT));
}

static void store_model(const ModelFile *file, const Preprocessing &preprocessing, int length) {
    Oid types[] = {TEXTOID,        TEXTOID,        BYTEAOID, INT4OID, INT4OID,
                   FLOAT4ARRAYOID, FLOAT4ARRAYOID, TEXTOID,  INT4OID, NAMEOID};
    Datum values[] = {CStringGetTextDatum(file->model),
                      CStringGetTextDatum(file->path),
                      PointerGetDatum(make_bytea(file->sha256, kSha256Bytes)),
                      Int32GetDatum(preprocessing.side),
                      Int32GetDatum(preprocessing.short_side),
                      colors_datum(preprocessing.mean),
                      colors_datum(preprocessing.scale),
                      CStringGetTextDatum(preprocessing.bgr ? "bgr" : "rgb"),
                      Int32GetDatum(length),
                      DirectFunctionCall1(namein, CStringGetDatum(GetUserNameFromId(GetUserId(), false)))};
    insert_as_owner(CatalogTable::image_model,
                    "INSERT INTO imagehash.image_model (name, file, sha256, side, short_side, mean, std, "
                    "channels, length, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) "
                    "ON CONFLICT DO NOTHING",
                    lengthof(types), types, values);
}

// --- hashers -----------------------------------------------------------------------------------------------

// The bytes of a model's network, which are part of the method of its hashes.
static Bytes network_bytes(const ModelRow *model) {
    ModelFile file = {model->path, {}, model->name};
    memcpy(file.sha256, model->sha256, kSha256Bytes);
    if (!model->path) file = shipped_network_file();
    Bytes bytes;
    read_model_file(&file, ERROR, &bytes);
    return bytes;
}

// Its shape; the weights are parsed, and let go of again.
static semantic::HasherShape check_weights(Bytes file, const ModelRow *model) {
    semantic::HasherId id;
    semantic::HasherShape shape;
    Status status = semantic_library().load_hasher(file, &id, &shape);
    if (status.kind == ErrorKind::bad_model)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("weights are not a hasher: %s", status.message)));
    check_status(status);
    semantic_library().unload_hasher(id);
    if (shape.input != model->length)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("the hasher takes embeddings of %d values, model \"%s\" gives %d", shape.input,
                               model->name, model->length)));
    return shape;
}

static Datum jsonb_datum(const char *text) {
    return DirectFunctionCall1(jsonb_in, CStringGetDatum(text ? text : "{}"));
}

// Who made a hasher holds the function beside it with grant option. The owner of the tables needs no grant,
// and where a superuser has switched the triggers off there is no function.
static void make_owner(const char *name) {
    Oid owner = owner_of(catalog_table(CatalogTable::hasher)), user = GetUserId();
    if (has_privs_of_role(user, owner) || !OidIsValid(function_beside(CatalogTable::hasher, name))) return;
    const char *function = quote_identifier(function_name(CatalogTable::hasher, name));
    const char *role = quote_identifier(GetUserNameFromId(user, false));
    run_as(owner, [&] {
        SPI_connect();
        char *statement =
            psprintf("GRANT EXECUTE ON FUNCTION imagehash.%s() TO %s WITH GRANT OPTION", function, role);
        SPI_execute(statement, false, 0);
        SPI_finish();
    });
}

Method store_hasher(const char *name, const char *model_name, Bytes file, const char *recipe,
                    const char *quality) {
    check_catalog_name("hasher", name);
    ModelRow model;
    find_model(model_name, &model);
    semantic::HasherShape shape = check_weights(file, &model);
    Bytes network = network_bytes(&model);
    Method method = method_of(network, file);
    pfree(const_cast<uint8_t *>(network.data));

    char method_text[kMethodNameSize];
    semantic_method_name(method, method_text);
    Oid types[] = {TEXTOID, INT4OID, TEXTOID, BYTEAOID, BYTEAOID, JSONBOID, JSONBOID, NAMEOID};
    Datum values[] = {CStringGetTextDatum(name),
                      Int32GetDatum(shape.bits),
                      CStringGetTextDatum(method_text),
                      PointerGetDatum(make_bytea(model.sha256, kSha256Bytes)),
                      PointerGetDatum(make_bytea(file.data, file.size)),
                      jsonb_datum(recipe),
                      jsonb_datum(quality),
                      DirectFunctionCall1(namein, CStringGetDatum(GetUserNameFromId(GetUserId(), false)))};
    insert_as_owner(
        CatalogTable::hasher,
        "INSERT INTO imagehash.hasher (name, bits, method, model_sha256, weights, recipe, quality, "
        "created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        lengthof(types), types, values);
    make_owner(name);
    return method;
}

}  // namespace imagehash::pg

IMAGEHASH_FUNCTION(imagehash_create_image_model) {
    char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    if (!superuser())
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("must be superuser to register a model"),
                 errdetail("Loading a TorchScript file runs what is in it, inside the server.")));
    pg::require_trusted_models();
    pg::check_catalog_name("model", name);
    Preprocessing preprocessing;
    pg::read_preprocessing(PG_GETARG_JSONB_P(3), &preprocessing);
    pg::ModelFile file =
        pg::model_file(name, text_to_cstring(PG_GETARG_TEXT_PP(1)), text_to_cstring(PG_GETARG_TEXT_PP(2)));
    Bytes bytes;
    pg::read_model_file(&file, ERROR, &bytes);
    pg::LoadedModel model = pg::load_network_of(&file, bytes, preprocessing);
    pg::store_model(&file, preprocessing, model.length);
    PG_RETURN_INT32(model.length);
}

IMAGEHASH_FUNCTION(imagehash_import_hasher) {
    bytea *weights = PG_GETARG_BYTEA_PP(2);
    char *recipe = DatumGetCString(DirectFunctionCall1(jsonb_out, PG_GETARG_DATUM(3)));
    Bytes file = {reinterpret_cast<uint8_t *>(VARDATA_ANY(weights)), VARSIZE_ANY_EXHDR(weights)};
    pg::Method method = pg::store_hasher(text_to_cstring(PG_GETARG_TEXT_PP(0)),
                                         text_to_cstring(PG_GETARG_TEXT_PP(1)), file, recipe, nullptr);
    char text[pg::kMethodNameSize];
    pg::semantic_method_name(method, text);
    PG_RETURN_TEXT_P(cstring_to_text(text));
}
