#include "tests/sim/cron_plans.h"
#include "tests/sim/node.h"

#include <stdio.h>
#include <string.h>

/* Wall clocks that differ in their minutes, and the year round the same. */
static const struct {
    const char *name;
    int32_t offset_secs;
} ZONES[] = {{"UTC", 0},
             {"Asia/Kathmandu", 345 * 60},
             {"Asia/Kolkata", 330 * 60},
             {"Australia/Eucla", 525 * 60}};
enum { ZONES_COUNT = sizeof ZONES / sizeof *ZONES };

static void take_zone(struct cron_plan *plan, uint64_t at)
{
    plan->zone = ZONES[at].name;
    plan->has_anchor = true;
    plan->anchor = -ZONES[at].offset_secs;
}

void cron_plan_make(struct cron_plan *plan, struct rng *rng)
{
    static const int minutes[] = {1, 2, 4, 5};
    int every = minutes[rng_below(rng, 4)];

    *plan = (struct cron_plan){.period = 60 + (int64_t)rng_below(rng, 60)};
    switch (rng_below(rng, 3)) {
    case 0:
        (void)snprintf(plan->schedule, sizeof plan->schedule, "R//PT%dS",
                       (int)plan->period);
        break;
    case 1:
        (void)snprintf(plan->schedule, sizeof plan->schedule,
                       "R/2027-01-15T08:00:00Z/PT%dS", (int)plan->period);
        plan->anchor = WALL_START_MS / 1000;
        plan->has_anchor = true;
        break;
    default:
        (void)snprintf(plan->schedule, sizeof plan->schedule, "*/%d * * * *",
                       every);
        if (every == 1)
            (void)snprintf(plan->schedule, sizeof plan->schedule, "* * * * *");
        plan->period = every * 60;
        take_zone(plan, 0);
        break;
    }
}

void cron_plan_change(struct cron_plan *plan, const struct cron_plan *before,
                      struct rng *rng)
{
    uint64_t zone = rng_below(rng, ZONES_COUNT);

    cron_plan_make(plan, rng);
    if (before->zone != NULL && rng_below(rng, 3) > 0)
        *plan = *before;
    if (plan->zone != NULL)
        take_zone(plan, zone);
}

bool cron_plan_has(const struct cron_plan *plan, int64_t at)
{
    return !plan->has_anchor || (at - plan->anchor) % plan->period == 0;
}

int cron_plan_zone(const char *name, struct zone **out, struct err *err)
{
    for (int i = 0; i < ZONES_COUNT; i++) {
        if (strcmp(ZONES[i].name, name) != 0)
            continue;
        *out = zone_fixed(ZONES[i].offset_secs);
        return 0;
    }
    return err_set(err, ERR_NOT_FOUND, "time zone '%s': want one of ours",
                   name);
}
