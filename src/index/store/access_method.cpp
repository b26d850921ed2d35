// The handler of an access method is known by what it returns: its callback for storage parameters is ours.
// Its name is not asked, so that a second access method with the same handler is served too.
#include "index/store/access_method.h"

#include "index/store/options.h"

extern "C" {
#include "commands/defrem.h"
}

namespace imagehash::index {

bool is_hamming_method(Oid access_method) {
    IndexAmRoutine *routine = GetIndexAmRoutineByAmId(access_method, true);
    return routine != nullptr && routine->amoptions == hamming_options;
}

bool is_hamming_index(Relation index) {
    return is_hamming_method(index->rd_rel->relam);
}

bool is_hamming_index(const IndexOptInfo *index) {
    // From PostgreSQL 17 on, a partitioned index is listed too, without callbacks: it has no pages.
    return index->amcostestimate != nullptr && is_hamming_method(index->relam);
}

Oid hamming_method() {
    const Oid named = get_am_oid("hamming", true);
    return OidIsValid(named) && is_hamming_method(named) ? named : InvalidOid;
}

}  // namespace imagehash::index
