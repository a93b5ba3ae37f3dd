#include "aurora/core/notify.h"

#include <string.h>

static const char *const NAME[NOTIFY_WHAT_COUNT] = {
    [NOTIFY_STARTED] = "started", [NOTIFY_FINISHED] = "finished",
    [NOTIFY_FAILED] = "failed",   [NOTIFY_LOST] = "lost",
    [NOTIFY_KILLED] = "killed",   [NOTIFY_UPDATED] = "updated",
    [NOTIFY_SLA] = "sla"};

const char *notify_what_name(enum notify_what what)
{
    return NAME[what];
}

enum notify_what notify_what_of(const char *name)
{
    for (int what = NOTIFY_STARTED; what < NOTIFY_WHAT_COUNT; what++)
        if (strcmp(NAME[what], name) == 0)
            return (enum notify_what)what;
    return 0;
}
