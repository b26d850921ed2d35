// From scan keys to a question; see question.h.
#include "index/question.h"

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

static bool comparable(const Meta &meta, const pg::ImageHash *hash) {
    return meta.bits == static_cast<uint32>(hash->bits()) &&
           pg::methods_comparable(meta.method, hash->method);
}

static void answer_nothing(Question *question) {
    question->codes = question->nulls = false;
}

static void add_filter(Question *question, const pg::ImageHash *center, int radius) {
    Filter *filter = &question->filters[question->filters_count++];
    hamming::pack_words(center->code, center->bytes(), filter->code);
    filter->radius = radius;
}

static void add_key(const Meta &meta, const ScanKeyData &key, Question *question) {
    if (key.sk_flags & SK_SEARCHNULL) {
        question->codes = false;
        return;
    }
    question->nulls = false;
    if (key.sk_flags & SK_SEARCHNOTNULL) return;
    if (key.sk_flags & SK_ISNULL) return answer_nothing(question);

    if (key.sk_strategy == kEqualStrategy) {
        const pg::ImageHash *hash = pg::datum_get_imagehash(key.sk_argument);
        bool unknown = hash->method == pg::kMethodUnknown;
        if (meta.bits != static_cast<uint32>(hash->bits()) || (!unknown && hash->method != meta.method))
            return answer_nothing(question);
        add_filter(question, hash, 0);
        (unknown ? question->unknown_only : question->known_only) = true;
        return;
    }
    pg::Ball ball;
    if (key.sk_strategy == kSimilarStrategy)
        ball = pg::similar_ball(pg::datum_get_imagehash(key.sk_argument));
    else if (!pg::get_ball(key.sk_argument, &ball))
        return answer_nothing(question);
    if (!comparable(meta, ball.center))
        question->recheck = true;
    else if (ball.radius < 0)
        answer_nothing(question);
    else
        add_filter(question, ball.center, Min(ball.radius, pg::kMaxBits));
}

static void set_order(const Meta &meta, const ScanKeyData *orderbys, int count, Question *question) {
    if (count == 0) return;
    // A distance to null is null for every row, and orders nothing: the next key decides.
    int key = 0;
    while (key < count && (orderbys[key].sk_flags & SK_ISNULL)) key++;
    question->order_key = key;
    question->null_query = key == count;
    if (question->null_query) return;
    // Only one distance is computed here; with more, PostgreSQL sorts the ties.
    question->recheck_order = key + 1 < count;
    const pg::ImageHash *hash = pg::datum_get_imagehash(orderbys[key].sk_argument);
    if (meta.bits == static_cast<uint32>(hash->bits()))
        hamming::pack_words(hash->code, hash->bytes(), question->query);
    question->by_distance = comparable(meta, hash);
    question->other_method = !question->by_distance && meta.bits == static_cast<uint32>(hash->bits());
    if (!question->by_distance) question->recheck_order = true;
}

void make_question(const Meta &meta, IndexScanDesc scan, Filter *filters, Question *question) {
    memset(question, 0, sizeof *question);
    question->codes = question->nulls = true;
    question->filters = filters;
    for (int i = 0; i < scan->numberOfKeys; i++) add_key(meta, scan->keyData[i], question);
    set_order(meta, scan->orderByData, scan->numberOfOrderBys, question);
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
