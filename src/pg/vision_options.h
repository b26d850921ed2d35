// Options of an SQL function as jsonb: read into plain variables, and written back as the recipe that was
// used.
//
// One table says which options a function has, of which kind and range; every key that is not in it is an
// error that lists those that are. So a misspelt option never trains a hasher with the default. Must not know
// what the options mean.
#pragma once

#include "pg/pg.h"

extern "C" {
#include "lib/stringinfo.h"
#include "utils/jsonb.h"
}

namespace imagehash::pg {

enum class OptionKind {
    integer,  // int64 *target, low to high
    real,     // double *target, low to high
    boolean,  // bool *target
    text,     // const char **target, palloc'd
    choice,   // int *target: the place in `choices`
    memory,   // int64 *target in kB, low to high; a number is in kB, a text may have a unit
};

struct OptionSpec {
    const char *name;
    OptionKind kind;
    void *target;
    double low;
    double high;
    const char *const *choices;  // ends with a null
    bool above_low;              // low itself is not allowed
    bool given;                  // set by read_options: the option was there
};

// Fills the targets of the options that are given; a JSON null counts as left out. Errors: 22023 for anything
// but an object, an unknown name, a wrong kind or range.
void read_options(Jsonb *options, OptionSpec *specs, int count);

// A JSON object as text that is put together key by key.
void begin_object(StringInfo json);
void add_real(StringInfo json, const char *name, double value);  // null where it is not finite
void add_integer(StringInfo json, const char *name, int64 value);
void add_boolean(StringInfo json, const char *name, bool value);
void add_text(StringInfo json, const char *name, const char *value);
void add_object(StringInfo json, const char *name, const char *object);
char *end_object(StringInfo json);

}  // namespace imagehash::pg
