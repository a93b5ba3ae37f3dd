#include "tests/sim/check_crons.h"
#include "tests/sim/cluster.h"
#include "tests/sim/crons.h"

enum {
    QUIET_MS = FAULTS_END_MS + 3 * 60 * 1000,
    LATE_SECS = 60 /* that an answer, or a restart, may take */
};

/* By the scheduler's own clock: the newest time that has come has its record.
 */
static void check_fresh(struct cluster *c, struct cron_job *j)
{
    int64_t now = node_wall_ms(&c->aurora) / 1000;

    const struct cron_plan *plan = cron_job_plan(j);

    if (j->is_fresh && plan->schedule[0] && c->w->now_ms > QUIET_MS &&
        j->done + 1 == j->steps && j->newest + plan->period + LATE_SECS < now)
        world_fail(c->w, "%s (%s): its newest time is %lld, now it is %lld",
                   j->job.name, plan->schedule, (long long)j->newest,
                   (long long)now);
    j->is_fresh = false;
}

void check_crons(struct cluster *c)
{
    if (c->crons.self == NULL) /* it is about to begin */
        return;
    if (crons_problem(c->crons.self)[0] != '\0')
        world_fail(c->w, "%s", crons_problem(c->crons.self));
    for (uint32_t i = 0; i < CRON_USED; i++)
        check_fresh(c, crons_job(c->crons.self, i));
}

void final_crons(struct cluster *c)
{
    for (uint32_t i = 0; i < CRON_USED; i++) {
        const struct cron_job *j = crons_job(c->crons.self, i);
        if (j->done != j->steps)
            world_fail(c->w, "the end: step %u of %s is not answered", j->done,
                       j->job.name);
        if (j->plan[0].schedule[0] && j->seen_count == 0)
            world_fail(c->w, "the end: %s never ran", j->job.name);
    }
}
