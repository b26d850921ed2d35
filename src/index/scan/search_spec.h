// What a scan is asked, made ready for the kernel.
//
// Scan keys become filters (a code and a radius each), the first ORDER BY key the query. Where PostgreSQL's
// own evaluation would raise an error (hashes of different lengths or methods), the spec says so and lets
// every row through, so that an index scan fails just where a sequential scan fails: at a row it may see.
#pragma once

#include "index/store/meta.h"

extern "C" {
#include "access/relscan.h"
}

namespace imagehash::index {

struct Filter {
    uint64 code[kMaxWords];
    int radius;
};

struct SearchSpec {
    bool codes;    // rows with a hash can be answers
    bool nulls;    // rows without can be
    bool recheck;  // PostgreSQL must check the condition on the row

    // A key's method is another known one than that of the index: rows of a known method come first, in no
    // order, for PostgreSQL to raise the error at; if it does not, those without one, which can be compared.
    bool known_first;
    bool known_only;    // hash = query of a known method: of the hashes without one, none
    bool unknown_only;  // hash = query without a method
    int filters_count;
    Filter *filters;

    bool by_distance;    // the rows are wanted by distance to `query`
    int order_key;       // the ORDER BY key that `query` is of; those before it are null
    bool null_query;     // ORDER BY hash <~> NULL, and nothing else
    bool recheck_order;  // PostgreSQL must compute the distance on the row
    uint64 query[kMaxWords];
    int max_distance;  // to `query`, that the filters allow
};

// `filters` has room for a filter per scan key.
void make_search_spec(const Meta &meta, IndexScanDesc scan, Filter *filters, SearchSpec *spec);

// Whether entry i of the blocked codes passes every filter from `first` on.
bool passes_filters(const SearchSpec &spec, int first, const uint64 *codes, int words, int i);

// Equality looks at the method too.
inline bool passes_methods(const SearchSpec &spec, bool method_unknown) {
    return !(method_unknown ? spec.known_only : spec.unknown_only);
}

}  // namespace imagehash::index
