/* What a job says about when it runs, and which of its times are to start now.
 * Pure: no job, no tasks.
 *
 * A **due time** is a scheduled time that has come and was not decided upon
 * yet. Normally there is one at a time; after downtime there may be many. How
 * late a run may still start is its patience: `epsilon` where the job gives
 * one; else a minute without catch-up, and for ever with it.
 *
 *   catch_up   starts
 *   NONE, LAST the newest due time, unless it is later than its patience
 *   ALL        each due time that is not, one after the other
 *
 * All other due times are missed. */
#pragma once
#include "base/cron.h"
#include "base/zone.h"
#include <stdbool.h>
#include <stdint.h>

/* The numbers are stored nowhere; names are perigee.Cron's. */
enum collision {
    COLLISION_KILL_EXISTING, /* end the old run, then start */
    COLLISION_CANCEL_NEW,    /* do not start */
    COLLISION_RUN_OVERLAP    /* start beside it */
};
enum catch_up { CATCH_UP_NONE, CATCH_UP_LAST, CATCH_UP_ALL };

enum {
    CRON_PATIENCE_MS = 60 * 1000,
    CATCH_UP_MAX = 1000, /* runs of one ALL; older ones are missed */
    CRON_PARENTS_MAX = 64
};

struct cron_rule {
    struct cron_schedule schedule;
    const struct zone *zone; /* borrowed; NULL: no schedule, but parents */
    enum collision collision;
    enum catch_up catch_up;
    int64_t epsilon_ms; /* -1: none given */
    uint32_t retries;
    char **parent; /* owned; "cluster/role/env/name" */
    uint32_t parent_count;
};

/* Empty, without schedule and parents. */
struct cron_rule *cron_rule_new(void);
void cron_rule_free(struct cron_rule *rule); /* accepts NULL */
void cron_rule_add_parent(struct cron_rule *rule, const char *key);

/* Which due times start, oldest first, and which are missed. */
struct cron_due {
    struct {
        struct cron_run *item;
        uint32_t count, capacity;
    } start;
    struct cron_run first_missed, last_missed; /* at == 0: none */
};
/* Of the times in (decided, now] of a job made at `made`, all in seconds but
 * now_ms. `out` is unset; release it. Years of downtime cost no more than days:
 * some forty questions for the next run, and with ALL as many for each that
 * starts. */
void cron_due(const struct cron_rule *rule, int64_t made, int64_t decided,
              int64_t now_ms, struct cron_due *out);
/* The same when `due` is the only one of these times. */
void cron_due_one(const struct cron_rule *rule, const struct cron_run *due,
                  int64_t now_ms, struct cron_due *out);
void cron_due_release(struct cron_due *due);
