// Each scan key narrows the spec; the first key of ORDER BY that is not null becomes the query.
#include "index/scan/search_spec.h"

#include "index/store/input_type.h"
#include "index/store/strategies.h"
#include "pg/value/ball.h"

extern "C" {
#include "access/skey.h"
}

namespace imagehash::index {

static bool same_length(const Meta &meta, const Input &input) {
    return meta.bits == static_cast<uint32>(input.bits);
}

static bool same_method(const Meta &meta, const Input &input) {
    return pg::methods_comparable(meta.method, input.method);
}

static void answer_nothing(SearchSpec *spec) {
    spec->codes = spec->nulls = false;
}

static void add_filter(SearchSpec *spec, const Input &center, int radius) {
    Filter *filter = &spec->filters[spec->filters_count++];
    hamming::pack_words(center.code, center.bytes, filter->code);
    filter->radius = radius;
}

static void add_equality(const Meta &meta, const Input &input, SearchSpec *spec) {
    bool unknown = input.method == pg::kMethodUnknown;
    if (!same_length(meta, input) || (!unknown && input.method != meta.method)) return answer_nothing(spec);
    add_filter(spec, input, 0);
    (unknown ? spec->unknown_only : spec->known_only) = true;
}

static void add_key(InputType type, const Meta &meta, const ScanKeyData &key, SearchSpec *spec) {
    if (key.sk_flags & SK_SEARCHNULL) {
        spec->codes = false;
        return;
    }
    spec->nulls = false;
    if (key.sk_flags & SK_SEARCHNOTNULL) return;
    if (key.sk_flags & SK_ISNULL) return answer_nothing(spec);

    if (key.sk_strategy == kEqualStrategy) return add_equality(meta, read_input(type, key.sk_argument), spec);
    Input center;
    int radius;
    if (key.sk_strategy == kSimilarStrategy) {
        center = read_input(type, key.sk_argument);
        radius = pg::similar_radius(center.bits);
    } else if (!read_ball(type, key.sk_argument, &center, &radius)) {
        return answer_nothing(spec);
    }
    if (!same_length(meta, center)) {
        spec->recheck = true;
    } else if (!same_method(meta, center)) {
        spec->recheck = spec->known_first = true;
    } else if (radius < 0) {
        answer_nothing(spec);
    } else {
        add_filter(spec, center, Min(radius, pg::kMaxBits));
    }
}

static void set_order(InputType type, const Meta &meta, const ScanKeyData *orderbys, int count,
                      SearchSpec *spec) {
    if (count == 0) return;
    // A distance to null is null for every row, and orders nothing: the next key decides.
    int key = 0;
    while (key < count && (orderbys[key].sk_flags & SK_ISNULL)) key++;
    spec->order_key = key;
    spec->null_query = key == count;
    if (spec->null_query) return;
    // Of another length: every row that passes PostgreSQL's conditions raises the error where its distance is
    // computed. A recheck would compute it for those too that do not.
    for (int i = key; i < count; i++) {
        if (orderbys[i].sk_flags & SK_ISNULL) continue;
        const Input query = read_input(type, orderbys[i].sk_argument);
        if (!same_length(meta, query)) return;
        if (!same_method(meta, query)) spec->known_first = true;
    }
    // Only one distance is computed here; with more, PostgreSQL sorts the ties.
    spec->recheck_order = key + 1 < count;
    const Input query = read_input(type, orderbys[key].sk_argument);
    hamming::pack_words(query.code, query.bytes, spec->query);
    spec->by_distance = true;
}

void make_search_spec(const Meta &meta, IndexScanDesc scan, Filter *filters, SearchSpec *spec) {
    memset(spec, 0, sizeof *spec);
    spec->codes = spec->nulls = true;
    spec->filters = filters;
    const InputType type = input_type(scan->indexRelation);
    for (int i = 0; i < scan->numberOfKeys; i++) add_key(type, meta, scan->keyData[i], spec);
    set_order(type, meta, scan->orderByData, scan->numberOfOrderBys, spec);
    if (meta.bits == 0) spec->codes = false;  // there are none

    // Triangle inequality: a row within r of a filter's center is within r + d(center, query) of the query.
    spec->max_distance = static_cast<int>(meta.bits);
    if (spec->by_distance)
        for (int i = 0; i < spec->filters_count; i++)
            spec->max_distance =
                Min(spec->max_distance,
                    filters[i].radius + distance_between(filters[i].code, spec->query, meta.words()));
}

bool passes_filters(const SearchSpec &spec, int first, const uint64 *codes, int words, int i) {
    if (first >= spec.filters_count) return true;
    uint64 code[kMaxWords];
    load_code(codes, words, i, code);
    for (int f = first; f < spec.filters_count; f++)
        if (distance_between(spec.filters[f].code, code, words) > spec.filters[f].radius) return false;
    return true;
}

}  // namespace imagehash::index
