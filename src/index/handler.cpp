// Tells PostgreSQL what the access method `hamming` can do.
#include "index/build/build.h"
#include "index/build/tier_builder.h"
#include "index/maintain/insert.h"
#include "index/maintain/vacuum.h"
#include "index/planner/cost.h"
#include "index/scan/scan.h"
#include "index/store/options.h"
#include "index/store/strategies.h"
#include "index/validate.h"

extern "C" {
#include "catalog/pg_opclass.h"
}

namespace imagehash::index {

static bool hamming_property(Oid /* index */, int attribute, IndexAMProperty property,
                             const char * /* name */, bool *result, bool * /* is_null */) {
    if (property != AMPROP_DISTANCE_ORDERABLE || attribute == 0) return false;
    *result = true;
    return true;
}

static IndexAmRoutine *make_routine() {
    IndexAmRoutine *routine = makeNode(IndexAmRoutine);
    routine->amstrategies = kStrategies;
    routine->amsupport = kSupportFunctions;
    routine->amcanorderbyop = true;
    routine->amoptionalkey = true;  // rows with a null hash are in the index too
    routine->amsearchnulls = true;
    routine->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL | VACUUM_OPTION_PARALLEL_CLEANUP;
    routine->amkeytype = InvalidOid;
    pg::declare_parallel_build(routine);

    routine->ambuild = hamming_build;
    routine->ambuildempty = hamming_buildempty;
    routine->aminsert = hamming_insert;
    routine->ambulkdelete = hamming_bulkdelete;
    routine->amvacuumcleanup = hamming_vacuumcleanup;
    routine->amcanreturn = hamming_canreturn;
    routine->ambuildphasename = hamming_buildphasename;
    routine->amcostestimate = hamming_costestimate;
    routine->amoptions = hamming_options;
    routine->amproperty = hamming_property;
    routine->amvalidate = hamming_validate;
    routine->ambeginscan = hamming_beginscan;
    routine->amrescan = hamming_rescan;
    routine->amgettuple = hamming_gettuple;
    routine->amgetbitmap = hamming_getbitmap;
    routine->amendscan = hamming_endscan;
    return routine;
}

}  // namespace imagehash::index

IMAGEHASH_FUNCTION(hamming_handler) {
    PG_RETURN_POINTER(imagehash::index::make_routine());
}
