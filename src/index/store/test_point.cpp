// The setting is read into a short table when it is assigned; reaching a point looks through that.
#include "index/store/test_point.h"

#include <signal.h>
#include <unistd.h>

#include "pg/server/pg.h"

extern "C" {
#include "common/hashfn.h"
#include "utils/fmgrprotos.h"
}

namespace imagehash::index {

namespace {

struct Action {
    char point[NAMEDATALEN];
    char what[NAMEDATALEN];
    int at;  // the time it is taken; 0: each time
    int reached;
};

struct Actions {
    Action list[8];
    int count;
};

}  // namespace

static char *setting;
static Actions actions;

static const char *const kWhat[] = {"tell", "pause", "error", "fatal", "kill"};

static bool is_action(const char *what) {
    for (const char *known : kWhat)
        if (strcmp(what, known) == 0) return true;
    return false;
}

// False where the text is not a list of actions.
static bool read_actions(const char *text, Actions *read) {
    memset(static_cast<void *>(read), 0, sizeof *read);
    while (*(text += strspn(text, ", ")) != '\0') {
        if (read->count == lengthof(read->list)) return false;
        Action *action = &read->list[read->count++];
        int length = 0;
        if (sscanf(text, "%63[^=, ]=%63[a-z]%n", action->point, action->what, &length) != 2) return false;
        text += length;
        if (sscanf(text, "@%d%n", &action->at, &length) == 1) text += length;
        if (*text != '\0' && *text != ',' && *text != ' ') return false;
        if (!is_action(action->what)) return false;
        if (strcmp(action->what, "error") == 0 && action->at == 0) action->at = 1;
    }
    return true;
}

static bool check_setting(char **value, void ** /* extra */, GucSource /* source */) {
    Actions read;
    return read_actions(*value, &read);
}

static void assign_setting(const char *value, void * /* extra */) {
    read_actions(value, &actions);
}

void define_test_points() {
    DefineCustomStringVariable("imagehash.test_points", "What happens at test points: POINT=ACTION[@N], ...",
                               nullptr, &setting, "", PGC_SUSET, 0, check_setting, assign_setting, nullptr);
}

// The key that hashtext() gives.
static void pause_at(const char *point) {
    if (InterruptHoldoffCount > 0) elog(ERROR, "cannot pause at test point \"%s\": a page is locked", point);
    auto bytes = reinterpret_cast<const unsigned char *>(point);
    const int32 hash = static_cast<int32>(hash_bytes(bytes, static_cast<int>(strlen(point))));
    const Datum key = Int64GetDatum(hash);
    DirectFunctionCall1(pg_advisory_lock_shared_int8, key);
    DirectFunctionCall1(pg_advisory_unlock_shared_int8, key);
}

static void take(const char *what, const char *point) {
    if (strcmp(what, "pause") == 0) return pause_at(point);
    if (strcmp(what, "kill") == 0) kill(getpid(), SIGKILL);
    int level = ERROR;
    if (strcmp(what, "tell") == 0) level = NOTICE;
    if (strcmp(what, "fatal") == 0) level = FATAL;
    ereport(level, (errmsg("test point \"%s\" was reached", point)));
}

void reach_test_point(const char *name) {
    for (int i = 0; i < actions.count; i++) {
        Action *action = &actions.list[i];
        if (strcmp(action->point, name) != 0 && strcmp(action->point, "*") != 0) continue;
        action->reached++;
        if (action->at == 0 || action->reached == action->at) take(action->what, name);
    }
}

}  // namespace imagehash::index
