// Reads options from jsonb by a list of them, and writes the list as rows and recipes as JSON text. Every
// message names the option and what it must be. Plain structs and palloc memory only: ereport jumps over
// these frames.
#include "pg/training/options.h"

#include <cmath>

extern "C" {
#include "utils/float.h"
#include "utils/json.h"
#include "utils/numeric.h"
}

namespace imagehash::pg {

void add_option(OptionList *list, const Option &option) {
    Assert(list->count < static_cast<int>(lengthof(list->options)));
    list->options[list->count++] = option;
}

[[noreturn]] static void refuse(const Option *option, const char *expected) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("option \"%s\" must be %s", option->name, expected)));
    pg_unreachable();
}

static Option *find_option(const JsonbValue *key, OptionList *list) {
    StringInfoData known;
    initStringInfo(&known);
    for (int i = 0; i < list->count; i++) {
        Option *option = &list->options[i];
        Size length = strlen(option->name);
        if (length == static_cast<Size>(key->val.string.len) &&
            memcmp(option->name, key->val.string.val, length) == 0)
            return option;
        appendStringInfo(&known, "%s%s", i == 0 ? "" : ", ", option->name);
    }
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("unrecognized option \"%.*s\"", key->val.string.len, key->val.string.val),
                    errhint("The options are: %s.", known.data)));
    return nullptr;
}

static char *text_of(const Option *option, const JsonbValue *value, const char *expected) {
    if (value->type != jbvString) refuse(option, expected);
    return pnstrdup(value->val.string.val, value->val.string.len);
}

static double number_of(const Option *option, const JsonbValue *value) {
    const OptionRange *range = &option->range;
    bool whole = option->kind != OptionKind::real;
    const char *expected = psprintf("%s %s %.15g to %s%.15g", whole ? "an integer" : "a number",
                                    range->low_is_out ? "above" : "from", range->low,
                                    range->high_is_out ? "below " : "", range->high);
    if (value->type != jbvNumeric) refuse(option, expected);
    Datum numeric = NumericGetDatum(value->val.numeric);
    double number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, numeric));
    bool in_range = range->low_is_out ? number > range->low : number >= range->low;
    in_range = in_range && (range->high_is_out ? number < range->high : number <= range->high);
    if (!in_range || (whole && number != std::floor(number))) refuse(option, expected);
    return number;
}

static int choice_of(const Option *option, const JsonbValue *value) {
    StringInfoData known;
    initStringInfo(&known);
    appendStringInfoString(&known, "one of");
    for (int i = 0; option->choices[i]; i++) {
        Size length = strlen(option->choices[i]);
        if (value->type == jbvString && length == static_cast<Size>(value->val.string.len) &&
            memcmp(option->choices[i], value->val.string.val, length) == 0)
            return i;
        appendStringInfo(&known, "%s \"%s\"", i == 0 ? "" : ",", option->choices[i]);
    }
    refuse(option, known.data);
}

static int64 memory_of(const Option *option, const JsonbValue *value) {
    if (value->type == jbvNumeric) return static_cast<int64>(number_of(option, value));
    const OptionRange *range = &option->range;
    const char *expected =
        psprintf("a size from %.0f kB to %.0f kB, such as \"1GB\"", range->low, range->high);
    char *text = text_of(option, value, expected);
    int kilobytes;
    if (!parse_int(text, &kilobytes, GUC_UNIT_KB, nullptr) || kilobytes < range->low ||
        kilobytes > range->high)
        refuse(option, expected);
    return kilobytes;
}

static void read_option(Option *option, const JsonbValue *value) {
    switch (option->kind) {
        case OptionKind::integer:
            *static_cast<int *>(option->target) = static_cast<int>(number_of(option, value));
            break;
        case OptionKind::long_integer:
            *static_cast<int64 *>(option->target) = static_cast<int64>(number_of(option, value));
            break;
        case OptionKind::real:
            *static_cast<double *>(option->target) = number_of(option, value);
            break;
        case OptionKind::boolean:
            if (value->type != jbvBool) refuse(option, "true or false");
            *static_cast<bool *>(option->target) = value->val.boolean;
            break;
        case OptionKind::text:
            *static_cast<const char **>(option->target) = text_of(option, value, "a text");
            break;
        case OptionKind::choice: {
            int choice = choice_of(option, value);
            memcpy(option->target, &choice, sizeof(choice));
            break;
        }
        case OptionKind::memory:
            *static_cast<int64 *>(option->target) = memory_of(option, value);
            break;
    }
}

void read_options(Jsonb *options, OptionList *list) {
    if (!JB_ROOT_IS_OBJECT(options))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options must be a JSON object")));
    for (int i = 0; i < list->count; i++) list->options[i].given = false;
    JsonbIterator *iterator = JsonbIteratorInit(&options->root);
    JsonbValue value;
    JsonbIteratorToken token;
    Option *option = nullptr;
    // A value that is an object or an array is skipped whole and arrives as one token.
    while ((token = JsonbIteratorNext(&iterator, &value, option != nullptr)) != WJB_DONE) {
        if (token == WJB_KEY) {
            option = find_option(&value, list);
        } else if (token == WJB_VALUE) {
            option->given = value.type != jbvNull;
            if (option->given) read_option(option, &value);
            option = nullptr;
        }
    }
}

bool option_is_given(const OptionList *list, const void *target) {
    for (int i = 0; i < list->count; i++)
        if (list->options[i].target == target) return list->options[i].given;
    return false;
}

// --- the documentation -------------------------------------------------------------------------------------

static bool has_range(OptionKind kind) {
    return kind == OptionKind::integer || kind == OptionKind::long_integer || kind == OptionKind::real ||
           kind == OptionKind::memory;
}

static const char *name_of_kind(const Option *option) {
    switch (option->kind) {
        case OptionKind::integer:
        case OptionKind::long_integer:
            return "integer";
        case OptionKind::real:
            return "number";
        case OptionKind::boolean:
            return "boolean";
        case OptionKind::text:
            return "text";
        case OptionKind::memory:
            return "size in kB";
        case OptionKind::choice:
            break;
    }
    StringInfoData text;
    initStringInfo(&text);
    for (int i = 0; option->choices[i]; i++)
        appendStringInfo(&text, "%s%s",
                         i == 0                   ? ""
                         : option->choices[i + 1] ? ", "
                                                  : " or ",
                         option->choices[i]);
    return text.data;
}

// A limit that is out is said where it cannot be overlooked.
static const char *full_description(const Option *option) {
    const char *low = option->range.low_is_out ? psprintf("; above %.15g", option->range.low) : "";
    const char *high = option->range.high_is_out ? psprintf("; below %.15g", option->range.high) : "";
    return psprintf("%s%s%s", option->description, low, high);
}

void return_options(FunctionCallInfo fcinfo, const OptionList *list) {
    InitMaterializedSRF(fcinfo, 0);
    ReturnSetInfo *result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    for (int i = 0; i < list->count; i++) {
        const Option *option = &list->options[i];
        bool no_range = !has_range(option->kind);
        Datum values[] = {
            CStringGetTextDatum(option->name),          CStringGetTextDatum(name_of_kind(option)),
            CStringGetTextDatum(option->default_value), Float8GetDatum(option->range.low),
            Float8GetDatum(option->range.high),         CStringGetTextDatum(full_description(option))};
        bool nulls[] = {false, false, false, no_range, no_range, false};
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
}

// --- recipes -----------------------------------------------------------------------------------------------

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
