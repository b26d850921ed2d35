// Looks at the clock. Plain structs and palloc memory only: ereport jumps over these frames.
#include "pg/training/progress.h"

#include <cmath>

namespace imagehash::pg {

static TimestampTz last_progress;

void start_progress() {
    last_progress = GetCurrentTimestamp();
}

bool progress_is_due() {
    TimestampTz now = GetCurrentTimestamp();
    if (!TimestampDifferenceExceeds(last_progress, now, 1000)) return false;
    last_progress = now;
    return true;
}

// In whole units of which there are few: it is an estimate.
static char *duration_text(double seconds) {
    if (seconds < 90) return psprintf("%.0f s", Max(1, std::ceil(seconds)));
    double minutes = std::ceil(seconds / 60);
    if (minutes < 90) return psprintf("%.0f min", minutes);
    return psprintf("%.0f h %.0f min", std::floor(minutes / 60), std::fmod(minutes, 60));
}

char *time_left(TimestampTz start, double done, double total) {
    if (done <= 0 || done >= total) return pstrdup("");
    double elapsed = static_cast<double>(GetCurrentTimestamp() - start) / USECS_PER_SEC;
    return psprintf("about %s left", duration_text(elapsed * (total - done) / done));
}

}  // namespace imagehash::pg
