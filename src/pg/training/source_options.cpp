// Adds the options of a source to a function's list, and checks the arguments beside them. Plain structs and
// palloc memory only: ereport jumps over these frames.
#include "pg/training/source_options.h"

namespace imagehash::pg {

constexpr const char *kOnError[] = {"stop", "ignore", nullptr};
constexpr int kIgnore = 1;                     // its place in kOnError
constexpr double kMaxSeed = 9007199254740991;  // what a JSON number holds exactly

void add_source_options(OptionList *list, SourceOptions *options) {
    using K = OptionKind;
    add_option(
        list, {"seed", K::long_integer, {0, kMaxSeed}, nullptr, "1", "of everything random", &options->seed});
    add_option(list, {"max_rows",
                      K::long_integer,
                      {1, 1e8},
                      nullptr,
                      "50000, or as many as memory has room for",
                      "of more rows a sample is taken",
                      &options->max_rows});
    add_option(list, {"memory",
                      K::memory,
                      {64, 1e9},
                      nullptr,
                      "1GB",
                      "for embeddings and views: rows * (1 + views) * length * 4 bytes",
                      &options->memory});
    add_option(list, {"on_error",
                      K::choice,
                      {},
                      kOnError,
                      "stop",
                      "what happens at an image that cannot be embedded; ignore leaves it out and says why",
                      &options->on_error});
}

void read_source_options(Jsonb *json, OptionList *list, SourceOptions *options) {
    read_options(json, list);
    options->max_rows_is_set = option_is_given(list, &options->max_rows);
}

SourceRules source_rules(const SourceOptions *options) {
    SourceRules rules = {};
    rules.skip_bad = options->on_error == kIgnore;
    rules.max_rows = options->max_rows;
    rules.max_rows_is_set = options->max_rows_is_set;
    rules.memory = options->memory;
    rules.seed = static_cast<uint64>(options->seed);
    return rules;
}

char *text_argument(FunctionCallInfo fcinfo, int number, const char *name) {
    if (PG_ARGISNULL(number))
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"%s\" must not be null", name)));
    return text_to_cstring(PG_GETARG_TEXT_PP(number));
}

Jsonb *options_argument(FunctionCallInfo fcinfo, int number) {
    if (PG_ARGISNULL(number))
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"options\" must not be null")));
    return PG_GETARG_JSONB_P(number);
}

void refuse_restricted_operation(const char *function) {
    if (InSecurityRestrictedOperation())
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("cannot call %s within a security-restricted operation", function)));
}

}  // namespace imagehash::pg
