// Code that runs as another role, or under names that nobody else chose.
//
// Everything of ours that runs as the owner of something goes through run_as(), and SQL that triggers send as
// whoever fired them goes through run_with_safe_path(). Neither can be left without what it set being set
// back, and neither can be entered without a search path that holds PostgreSQL's own objects only: names and
// operators that a caller put first in search_path would otherwise run with the owner's rights.
//
// An error needs no cleaning up: the end of the (sub)transaction restores the user and the settings.
#pragma once

#include "pg/server/pg.h"

#include <type_traits>

namespace imagehash::pg {

// A setting until the innermost run_as() or run_with_safe_path() is left.
inline void set_meanwhile(const char *setting, const char *value) {
    set_config_option(setting, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

// work(), with search_path = pg_catalog, pg_temp.
template <typename Work>
void run_with_safe_path(Work work) {
    static_assert(std::is_trivially_destructible_v<Work>, "ereport jumps over this frame");
    int level = NewGUCNestLevel();
    set_meanwhile("search_path", "pg_catalog, pg_temp");
    work();
    AtEOXact_GUC(false, level);
}

// work() as `role`: with that search path, and as a security-restricted operation, so that what it runs can
// neither take the caller's rights back nor leave something behind that runs later.
template <typename Work>
void run_as(Oid role, Work work) {
    Oid user;
    int context;
    GetUserIdAndSecContext(&user, &context);
    SetUserIdAndSecContext(role, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
    run_with_safe_path(work);
    SetUserIdAndSecContext(user, context);
}

}  // namespace imagehash::pg
