// Plain structs and palloc memory only: ereport jumps over these frames.
#include "pg/images/outcome.h"

#include "pg/server/errors.h"

extern "C" {
#include "access/htup_details.h"
}

namespace imagehash::pg {

Datum hash_or_error(const HashOutcome &outcome) {
    check_status(outcome.status);
    return PointerGetDatum(outcome.hash);
}

Datum hash_or_reason(FunctionCallInfo fcinfo, const HashOutcome &outcome) {
    const Status &status = outcome.status;
    TupleDesc descriptor = result_row_type(fcinfo);
    Datum values[3] = {};
    bool nulls[3] = {!status.ok(), status.ok(), status.ok()};
    if (status.ok()) {
        values[0] = PointerGetDatum(outcome.hash);
    } else {
        if (!is_fault_of_image(status)) check_status(status);
        values[1] = CStringGetTextDatum(unpack_sql_state(sqlstate_of(status.kind)));
        values[2] = CStringGetTextDatum(status.message);
    }
    return HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls));
}

}  // namespace imagehash::pg
