// Options that train_hasher() and evaluate_hasher() share, and what both say of their source.
#pragma once

#include "pg/training/options.h"
#include "pg/training/source.h"

namespace imagehash::pg {

struct SourceOptions {
    int64 seed;
    int64 max_rows;
    int64 memory;  // kB
    int on_error;  // of kOnError
    bool max_rows_is_set;
};

constexpr int64 kDefaultMaxRows = 50000;
constexpr int64 kDefaultMemory = 1024 * 1024;  // kB
constexpr const char *kOnError[] = {"error", "skip", nullptr};
constexpr SourceOptions kDefaultSourceOptions = {1, kDefaultMaxRows, kDefaultMemory, 0, false};
constexpr double kMaxSeed = 9007199254740991;  // what a JSON number holds exactly

inline void add_source_options(OptionList *list, SourceOptions *options) {
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
                      "error",
                      "what happens at an image that cannot be embedded; skip leaves it out and says why",
                      &options->on_error});
}

inline void read_source_options(Jsonb *json, OptionList *list, SourceOptions *options) {
    read_options(json, list);
    options->max_rows_is_set = option_is_given(list, &options->max_rows);
}

inline SourceRules source_rules(const SourceOptions *options) {
    SourceRules rules = {};
    rules.skip_bad = options->on_error == 1;
    rules.max_rows = options->max_rows;
    rules.max_rows_is_set = options->max_rows_is_set;
    rules.memory = options->memory;
    rules.seed = static_cast<uint64>(options->seed);
    return rules;
}

// The text of an argument that must not be null.
inline char *text_argument(FunctionCallInfo fcinfo, int number, const char *name) {
    if (PG_ARGISNULL(number))
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"%s\" must not be null", name)));
    return text_to_cstring(PG_GETARG_TEXT_PP(number));
}

inline Jsonb *options_argument(FunctionCallInfo fcinfo, int number) {
    if (PG_ARGISNULL(number))
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"options\" must not be null")));
    return PG_GETARG_JSONB_P(number);
}

// A source must not run where an index or a materialized view calls a function of somebody else's.
inline void refuse_restricted_operation(const char *function) {
    if (InSecurityRestrictedOperation())
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("cannot call %s within a security-restricted operation", function)));
}

// What was read, for the user: how many rows, of which sample, what was left out.
inline void tell_source(const SourceRows *rows) {
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
