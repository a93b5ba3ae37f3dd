/* When a cron job of the simulator runs: schedules that mean "every so many
 * seconds", in three languages and some time zones, and their times by our own
 * arithmetic. */
#pragma once
#include "base/err.h"
#include "base/rng.h"
#include "base/zone.h"
#include <stdbool.h>
#include <stdint.h>

struct cron_plan {
    int64_t period, anchor; /* seconds: times are anchor + n * period */
    bool has_anchor;        /* otherwise the time it was made at is */
    char schedule[64];      /* "": it runs after others */
    const char *zone;       /* NULL: the scheduler's */
};

void cron_plan_make(struct cron_plan *plan, struct rng *rng);
/* Another one; often the same words in another zone. */
void cron_plan_change(struct cron_plan *plan, const struct cron_plan *before,
                      struct rng *rng);
/* Is it one of its times? True when it has no anchor. */
bool cron_plan_has(const struct cron_plan *plan, int64_t at);
/* The zones that they name, for the scheduler. */
int cron_plan_zone(const char *name, struct zone **out, struct err *err);
