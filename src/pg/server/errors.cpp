// Plain structs only: ereport jumps over these frames.
#include "pg/server/errors.h"

#include "semantic/types.h"

namespace imagehash::pg {

int sqlstate_of(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::bad_image:
        case ErrorKind::bad_argument:
            return ERRCODE_INVALID_PARAMETER_VALUE;
        case ErrorKind::unsupported:
            return ERRCODE_FEATURE_NOT_SUPPORTED;
        case ErrorKind::too_large:
            return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
        case ErrorKind::bad_model:
            return ERRCODE_DATA_CORRUPTED;
        case ErrorKind::out_of_memory:
            return ERRCODE_OUT_OF_MEMORY;
        case ErrorKind::cancelled:
        case ErrorKind::abandoned:
            return ERRCODE_QUERY_CANCELED;
        case ErrorKind::internal:
        case ErrorKind::none:
            break;
    }
    return ERRCODE_INTERNAL_ERROR;
}

// The network's thread goes on, and nothing but the end of this process ends it. Other sessions are not
// harmed: FATAL is an orderly end.
[[noreturn]] static void end_session() {
    ereport(FATAL, (errcode(ProcDiePending ? ERRCODE_ADMIN_SHUTDOWN : ERRCODE_QUERY_CANCELED),
                    errmsg("terminating connection because a registered network does not stop"),
                    errdetail("It ran on %d seconds after it was asked to stop.", semantic::kGraceSeconds),
                    errhint("Drop the model with drop_image_model() if its network does this again.")));
    pg_unreachable();
}

void report_status(int elevel, const Status &status, const char *path) {
    if (status.kind == ErrorKind::abandoned) end_session();
    ereport(elevel, (errcode(sqlstate_of(status.kind)), errmsg("%s", status.message),
                     path ? errdetail("The file is \"%s\".", path) : 0,
                     status.hint[0] != '\0' ? errhint("%s", status.hint) : 0));
}

void check_status(const Status &status) {
    // What PostgreSQL says of it is better than what we could.
    if (status.kind == ErrorKind::cancelled) CHECK_FOR_INTERRUPTS();
    if (!status.ok()) report_status(ERROR, status, nullptr);
}

}  // namespace imagehash::pg
