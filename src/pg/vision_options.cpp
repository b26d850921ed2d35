// See vision_options.h. Plain structs and palloc memory only: ereport jumps over these frames.
#include "pg/vision_options.h"

#include <cmath>

extern "C" {
#include "utils/float.h"
#include "utils/json.h"
#include "utils/numeric.h"
}

namespace imagehash::pg {

[[noreturn]] static void refuse(const OptionSpec *spec, const char *expected) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("option \"%s\" must be %s", spec->name, expected)));
    pg_unreachable();
}

static OptionSpec *find_spec(const JsonbValue *key, OptionSpec *specs, int count) {
    StringInfoData known;
    initStringInfo(&known);
    for (int i = 0; i < count; i++) {
        Size length = strlen(specs[i].name);
        if (length == static_cast<Size>(key->val.string.len) &&
            memcmp(specs[i].name, key->val.string.val, length) == 0)
            return &specs[i];
        appendStringInfo(&known, "%s%s", i == 0 ? "" : ", ", specs[i].name);
    }
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("unrecognized option \"%.*s\"", key->val.string.len, key->val.string.val),
                    errhint("The options are: %s.", known.data)));
    return nullptr;
}

static char *text_of(const OptionSpec *spec, const JsonbValue *value, const char *expected) {
    if (value->type != jbvString) refuse(spec, expected);
    return pnstrdup(value->val.string.val, value->val.string.len);
}

static double number_of(const OptionSpec *spec, const JsonbValue *value) {
    bool whole = spec->kind != OptionKind::real;
    const char *expected = psprintf("%s %s %.16g to %.16g", whole ? "an integer" : "a number",
                                    spec->above_low ? "above" : "from", spec->low, spec->high);
    if (value->type != jbvNumeric) refuse(spec, expected);
    Datum numeric = NumericGetDatum(value->val.numeric);
    double number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, numeric));
    bool in_range = number >= spec->low && number <= spec->high && !(spec->above_low && number == spec->low);
    if (!in_range || (whole && number != std::floor(number))) refuse(spec, expected);
    return number;
}

static int choice_of(const OptionSpec *spec, const JsonbValue *value) {
    StringInfoData known;
    initStringInfo(&known);
    appendStringInfoString(&known, "one of");
    for (int i = 0; spec->choices[i]; i++) {
        Size length = strlen(spec->choices[i]);
        if (value->type == jbvString && length == static_cast<Size>(value->val.string.len) &&
            memcmp(spec->choices[i], value->val.string.val, length) == 0)
            return i;
        appendStringInfo(&known, "%s \"%s\"", i == 0 ? "" : ",", spec->choices[i]);
    }
    refuse(spec, known.data);
}

static int64 memory_of(const OptionSpec *spec, const JsonbValue *value) {
    if (value->type == jbvNumeric) return static_cast<int64>(number_of(spec, value));
    const char *expected = psprintf("a size from %.0f kB to %.0f kB, such as \"1GB\"", spec->low, spec->high);
    char *text = text_of(spec, value, expected);
    int kilobytes;
    if (!parse_int(text, &kilobytes, GUC_UNIT_KB, nullptr) || kilobytes < spec->low || kilobytes > spec->high)
        refuse(spec, expected);
    return kilobytes;
}

static void read_option(OptionSpec *spec, const JsonbValue *value) {
    switch (spec->kind) {
        case OptionKind::integer:
            *static_cast<int64 *>(spec->target) = static_cast<int64>(number_of(spec, value));
            break;
        case OptionKind::real:
            *static_cast<double *>(spec->target) = number_of(spec, value);
            break;
        case OptionKind::boolean:
            if (value->type != jbvBool) refuse(spec, "true or false");
            *static_cast<bool *>(spec->target) = value->val.boolean;
            break;
        case OptionKind::text:
            *static_cast<const char **>(spec->target) = text_of(spec, value, "a text");
            break;
        case OptionKind::choice:
            *static_cast<int *>(spec->target) = choice_of(spec, value);
            break;
        case OptionKind::memory:
            *static_cast<int64 *>(spec->target) = memory_of(spec, value);
            break;
    }
}

void read_options(Jsonb *options, OptionSpec *specs, int count) {
    if (!JB_ROOT_IS_OBJECT(options))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options must be a JSON object")));
    for (int i = 0; i < count; i++) specs[i].given = false;
    JsonbIterator *iterator = JsonbIteratorInit(&options->root);
    JsonbValue value;
    JsonbIteratorToken token;
    OptionSpec *spec = nullptr;
    // A value that is an object or an array is skipped whole and arrives as one token.
    while ((token = JsonbIteratorNext(&iterator, &value, spec != nullptr)) != WJB_DONE) {
        if (token == WJB_KEY) {
            spec = find_spec(&value, specs, count);
        } else if (token == WJB_VALUE) {
            spec->given = value.type != jbvNull;
            if (spec->given) read_option(spec, &value);
            spec = nullptr;
        }
    }
}

static void add_name(StringInfo json, const char *name) {
    if (json->len > 1) appendStringInfoChar(json, ',');
    escape_json(json, name);
    appendStringInfoChar(json, ':');
}

void begin_object(StringInfo json) {
    initStringInfo(json);
    appendStringInfoChar(json, '{');
}

void add_real(StringInfo json, const char *name, double value) {
    add_name(json, name);
    appendStringInfoString(json, std::isfinite(value) ? float8out_internal(value) : "null");
}

void add_integer(StringInfo json, const char *name, int64 value) {
    add_name(json, name);
    appendStringInfo(json, INT64_FORMAT, value);
}

void add_boolean(StringInfo json, const char *name, bool value) {
    add_name(json, name);
    appendStringInfoString(json, value ? "true" : "false");
}

void add_text(StringInfo json, const char *name, const char *value) {
    add_name(json, name);
    escape_json(json, value);
}

void add_object(StringInfo json, const char *name, const char *object) {
    add_name(json, name);
    appendStringInfoString(json, object);
}

char *end_object(StringInfo json) {
    appendStringInfoChar(json, '}');
    return json->data;
}

}  // namespace imagehash::pg
