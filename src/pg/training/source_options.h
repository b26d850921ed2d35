// The arguments that train_hasher() and evaluate_hasher() share: a name, a source and its options.
//
// Must not know what else a function takes: it adds its own options to the same list.
#pragma once

#include "pg/training/options.h"
#include "pg/training/source.h"

namespace imagehash::pg {

struct SourceOptions {
    int64 seed;
    int64 max_rows;
    int64 memory;  // kB
    int on_error;  // of kOnError in source_options.cpp
    bool max_rows_is_set;
};

constexpr int64 kDefaultMaxRows = 50000;
constexpr int64 kDefaultMemory = 1024 * 1024;  // kB
constexpr SourceOptions kDefaultSourceOptions = {1, kDefaultMaxRows, kDefaultMemory, 0, false};

void add_source_options(OptionList *list, SourceOptions *options);

// Reads the jsonb by the whole list, in which add_source_options() was called with `options`.
void read_source_options(Jsonb *json, OptionList *list, SourceOptions *options);

SourceRules source_rules(const SourceOptions *options);

// The value of an argument that must not be null: ERROR 22004. The text is palloc'd.
char *text_argument(FunctionCallInfo fcinfo, int number, const char *name);
Jsonb *options_argument(FunctionCallInfo fcinfo, int number);

// ERROR 42501 within a security-restricted operation: a source must not run where an index or a materialized
// view calls a function of somebody else's.
void refuse_restricted_operation(const char *function);

}  // namespace imagehash::pg
