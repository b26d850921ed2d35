// From scan keys to a question; see question.h.
#include "index/question.h"

#include "index/input_type.h"
#include "index/strategies.h"
#include "pg/ball.h"

extern "C" {
#include "access/skey.h"
}

namespace imagehash::index {

static int distance_of_words(const uint64 *a, const uint64 *b, int words) {
    return hamming::distance(reinterpret_cast<const uint8_t *>(a), reinterpret_cast<const uint8_t *>(b),
                             words * 8);
}

static bool same_length(const Meta &meta, const Input &input) {
    return meta.bits == static_cast<uint32>(input.bits);
}

static bool comparable(const Meta &meta, const Input &input) {
    return same_length(meta, input) && pg::methods_comparable(meta.method, input.method);
}

static void answer_nothing(Question *question) {
    question->codes = question->nulls = false;
}

static void add_filter(Question *question, const Input &center, int radius) {
    Filter *filter = &question->filters[question->filters_count++];
    hamming::pack_words(center.code, center.bytes, filter->code);
    filter->radius = radius;
}

static void add_equality(const Meta &meta, const Input &input, Question *question) {
    bool unknown = input.method == pg::kMethodUnknown;
    if (!same_length(meta, input) || (!unknown && input.method != meta.method))
        return answer_nothing(question);
    add_filter(question, input, 0);
    (unknown ? question->unknown_only : question->known_only) = true;
}

static void add_key(InputType type, const Meta &meta, const ScanKeyData &key, Question *question) {
    if (key.sk_flags & SK_SEARCHNULL) {
        question->codes = false;
        return;
    }
    question->nulls = false;
    if (key.sk_flags & SK_SEARCHNOTNULL) return;
    if (key.sk_flags & SK_ISNULL) return answer_nothing(question);

    if (key.sk_strategy == kEqualStrategy)
        return add_equality(meta, read_input(type, key.sk_argument), question);
    Input center;
    int radius;
    if (key.sk_strategy == kSimilarStrategy) {
        center = read_input(type, key.sk_argument);
        radius = pg::similar_radius(center.bits);
    } else if (!read_ball(type, key.sk_argument, &center, &radius)) {
        return answer_nothing(question);
    }
    if (!comparable(meta, center))
        question->recheck = true;
    else if (radius < 0)
        answer_nothing(question);
    else
        add_filter(question, center, Min(radius, pg::kMaxBits));
}

static bool has_other_length(InputType type, const Meta &meta, const ScanKeyData &key) {
    return (key.sk_flags & SK_ISNULL) == 0 && !same_length(meta, read_input(type, key.sk_argument));
}

static void set_order(InputType type, const Meta &meta, const ScanKeyData *orderbys, int count,
                      Question *question) {
    if (count == 0) return;
    // A distance to null is null for every row, and orders nothing: the next key decides.
    int key = 0;
    while (key < count && (orderbys[key].sk_flags & SK_ISNULL)) key++;
    question->order_key = key;
    question->null_query = key == count;
    if (question->null_query) return;
    // Of another length: every row that passes PostgreSQL's conditions raises the error where its distance is
    // computed. A recheck would compute it for those too that do not.
    for (int i = key; i < count; i++)
        if (has_other_length(type, meta, orderbys[i])) return;
    // Only one distance is computed here; with more, PostgreSQL sorts the ties.
    question->recheck_order = key + 1 < count;
    const Input query = read_input(type, orderbys[key].sk_argument);
    hamming::pack_words(query.code, query.bytes, question->query);
    question->by_distance = comparable(meta, query);
    question->other_method = !question->by_distance;
    if (!question->by_distance) question->recheck_order = true;
}

void make_question(const Meta &meta, IndexScanDesc scan, Filter *filters, Question *question) {
    memset(question, 0, sizeof *question);
    question->codes = question->nulls = true;
    question->filters = filters;
    const InputType type = input_type(scan->indexRelation);
    for (int i = 0; i < scan->numberOfKeys; i++) add_key(type, meta, scan->keyData[i], question);
    set_order(type, meta, scan->orderByData, scan->numberOfOrderBys, question);
    if (meta.bits == 0) question->codes = false;  // there are none

    // Triangle inequality: a row within r of a filter's center is within r + d(center, query) of the query.
    question->max_distance = static_cast<int>(meta.bits);
    if (question->by_distance)
        for (int i = 0; i < question->filters_count; i++)
            question->max_distance =
                Min(question->max_distance,
                    filters[i].radius + distance_of_words(filters[i].code, question->query, meta.words()));
}

bool passes_filters(const Question &question, int first, const uint64 *codes, int words, int i) {
    if (first >= question.filters_count) return true;
    uint64 code[kMaxWords];
    load_code(codes, words, i, code);
    for (int f = first; f < question.filters_count; f++)
        if (distance_of_words(question.filters[f].code, code, words) > question.filters[f].radius)
            return false;
    return true;
}

}  // namespace imagehash::index
