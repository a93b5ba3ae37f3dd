/* Who hears of what happens to a job: the `Notify` objects of its file.
 *
 * A job that no clock starts tells of its tasks; a cron job of its runs, and of
 * tasks that got lost. */
#pragma once
#include <stdint.h>

enum { NOTIFY_RULES_MAX = 64 }; /* of one job */

/* The numbers are those of perigee.NotifyEvent.What. */
enum notify_what {
    NOTIFY_STARTED = 1, /* a task is RUNNING; a run begins */
    NOTIFY_FINISHED,    /* a task; a run succeeded */
    NOTIFY_FAILED,      /* a task; a run, and no retry is left */
    NOTIFY_LOST,        /* a task */
    NOTIFY_KILLED,      /* a task; a run */
    NOTIFY_UPDATED,     /* an update came to its end, whatever that is */
    NOTIFY_SLA,         /* a run is late, missed or cancelled; a task waits */
    NOTIFY_WHAT_COUNT
};

enum notify_kind { NOTIFY_URL = 1, NOTIFY_EMAIL, NOTIFY_SCRIPT };

struct notify_rule {
    uint32_t on; /* bits, 1 << notify_what */
    enum notify_kind kind;
    char *target;     /* owned: the URL, or the address; "" of a script */
    uint32_t ordinal; /* of the script */
};

/* "failed" and so on, as the job language has it. */
const char *notify_what_name(enum notify_what what);
/* 0 when there is none of that name. */
enum notify_what notify_what_of(const char *name);
