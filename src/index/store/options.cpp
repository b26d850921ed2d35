// The parameters are registered when the module is loaded; each relation keeps its own as PostgreSQL parses
// them.
#include "index/store/options.h"

#include "index/store/meta.h"

extern "C" {
#include "access/reloptions.h"
}

namespace imagehash::index {

static relopt_kind options_kind;

// In kB, as PostgreSQL gives memory and GIN its list.
constexpr int kDefaultPendingListLimit = 1024;
constexpr int kMinPendingListLimit = 64;
constexpr int kMaxPendingListLimit = 7168;
static_assert(kMaxPendingListLimit * 1024 / BLCKSZ < kMaxPending, "inserters would wait before they merge");

namespace {

// As the relation keeps them.
struct Options {
    int32 vl_len_;
    int pending_list_limit;
    bool clustering;
};

}  // namespace

// Inserts, merges and scans go on while a parameter is changed: each uses what it finds.
void define_options() {
    options_kind = add_reloption_kind();
    add_int_reloption(options_kind, "pending_list_limit",
                      "Size in kB of the list of new hashes at which an insert merges it into the index.",
                      kDefaultPendingListLimit, kMinPendingListLimit, kMaxPendingListLimit,
                      ShareUpdateExclusiveLock);
    add_bool_reloption(options_kind, "clustering",
                       "Puts hashes that are near each other together, so that a search reads few of them.",
                       true, ShareUpdateExclusiveLock);
}

bytea *hamming_options(Datum reloptions, bool validate) {
    static const relopt_parse_elt elements[] = {
        {"pending_list_limit", RELOPT_TYPE_INT, offsetof(Options, pending_list_limit)},
        {"clustering", RELOPT_TYPE_BOOL, offsetof(Options, clustering)},
    };
    return static_cast<bytea *>(
        build_reloptions(reloptions, validate, options_kind, sizeof(Options), elements, lengthof(elements)));
}

static const Options *options_of(Relation index) {
    return reinterpret_cast<const Options *>(index->rd_options);  // null where none is set
}

uint32 pending_limit(Relation index) {
    const Options *options = options_of(index);
    int kilobytes = options != nullptr ? options->pending_list_limit : kDefaultPendingListLimit;
    return static_cast<uint32>(kilobytes * 1024 / BLCKSZ);
}

bool wants_clustering(Relation index) {
    const Options *options = options_of(index);
    return options == nullptr || options->clustering;
}

}  // namespace imagehash::index
