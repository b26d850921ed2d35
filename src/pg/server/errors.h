// What the libraries report (base/status.h), as errors of PostgreSQL; and how they learn of a cancel.
#pragma once

#include "base/status.h"
#include "pg/server/pg.h"

namespace imagehash::pg {

int sqlstate_of(ErrorKind kind);

// Whether it says what is wrong with an image; what else there is, another image would meet too.
inline bool is_fault_of_image(const Status &status) {
    return status.kind == ErrorKind::bad_image || status.kind == ErrorKind::unsupported ||
           status.kind == ErrorKind::too_large;
}

// Whether CHECK_FOR_INTERRUPTS() would end the statement: the stop flag of the libraries. Only reads flags:
// C++ frames lie below.
inline bool stop_requested() {
    return (QueryCancelPending || ProcDiePending) && InterruptHoldoffCount == 0 && CritSectionCount == 0 &&
           QueryCancelHoldoffCount == 0;
}

// ERROR if the status is not ok, with the SQLSTATE of its kind; FATAL where a registered network cannot be
// stopped otherwise.
void check_status(const Status &status);
// `path`, of a file that it is about, may be null.
void report_status(int elevel, const Status &status, const char *path);

}  // namespace imagehash::pg
