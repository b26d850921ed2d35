// Options of an SQL function as jsonb: read into plain variables, written back as the recipe that was used,
// and returned as rows, which is their documentation.
//
// One list says which options a function has, of which kind and range; every key that is not in it is an
// error that lists those that are. So a misspelt option never trains a hasher with the default. Must not know
// what the options mean.
#pragma once

#include "pg/server/pg.h"

extern "C" {
#include "lib/stringinfo.h"
#include "utils/jsonb.h"
}

namespace imagehash::pg {

enum class OptionKind {
    integer,       // int *target, low to high
    long_integer,  // int64 *target, low to high
    real,          // double *target, low to high
    boolean,       // bool *target
    text,          // const char **target, palloc'd
    choice,        // int *target, or an enum of that size: the place in `choices`
    memory,        // int64 *target in kB, low to high; a number is in kB, a text may have a unit
};

// Of numbers and memory. The limits belong to it but where said otherwise.
struct OptionRange {
    double low, high;
    bool low_is_out, high_is_out;
};

struct Option {
    const char *name;
    OptionKind kind;
    OptionRange range;
    const char *const *choices;  // ends with a null
    const char *default_value;   // for people
    const char *description;
    void *target;
    bool given;  // set by read_options: the option was there
};

// Filled by the functions that add_option() is called in, one for what several SQL functions share.
struct OptionList {
    Option options[32];
    int count;
};

void add_option(OptionList *list, const Option &option);

// Fills the targets of the options that are given; a JSON null counts as left out. Errors: 22023 for anything
// but an object, an unknown name, a wrong kind or range.
void read_options(Jsonb *options, OptionList *list);
bool option_is_given(const OptionList *list, const void *target);

// Returns the options as rows (name, kind, default_value, low, high, description) of a set-returning
// function. Targets are not used.
void return_options(FunctionCallInfo fcinfo, const OptionList *list);

// A JSON object as text that is put together key by key.
void begin_object(StringInfo json);
void add_real(StringInfo json, const char *name, double value);  // null where it is not finite
void add_integer(StringInfo json, const char *name, int64 value);
void add_boolean(StringInfo json, const char *name, bool value);
void add_text(StringInfo json, const char *name, const char *value);
void add_object(StringInfo json, const char *name, const char *object);
char *end_object(StringInfo json);

}  // namespace imagehash::pg
