#include "tests/sim/cron_spans.h"
#include "tests/sim/cluster.h"
#include "tests/sim/cron_look.h"

static struct cron_span *newest(struct cron_spans *s)
{
    return s->count > 0 ? &s->span[s->count - 1] : NULL;
}

static bool is_in_force(const struct cron_span *span,
                        const struct cron_look *look)
{
    return span->plan == look->plan && span->is_paused == look->is_paused;
}

/* A new life: what it remembers is what is true. All times count again, since
 * their records may have been lost. */
static void begin_life(struct cron_spans *s, const struct cron_look *look)
{
    while (s->count > 0 && !is_in_force(newest(s), look))
        s->count--;
    if (s->count == 0)
        return;
    newest(s)->end = INT64_MAX;
    newest(s)->checked = newest(s)->begin;
}

/* An interval that names no start starts with a run: that time is its own. */
static void begin_span(struct cluster *c, struct cron_spans *s,
                       const struct cron_job *j, const struct cron_look *look,
                       int64_t now)
{
    struct cron_span *before = newest(s);
    bool is_change = before == NULL || before->plan != look->plan;
    int64_t from = now;

    if (s->count == CRON_SPANS_MAX)
        world_fail(c->w, "%s: more than %d changes", j->job.name,
                   CRON_SPANS_MAX);
    if (is_change)
        from = look->made - !j->plan[look->plan].has_anchor;
    if (before != NULL) {
        before->end = from;
        from = from > before->checked ? from : before->checked;
    }
    s->span[s->count++] = (struct cron_span){.plan = look->plan,
                                             .is_paused = look->is_paused,
                                             .anchor = look->made,
                                             .begin = from,
                                             .end = INT64_MAX,
                                             .checked = from};
}

static void check_span(struct cluster *c, const struct cron_job *j,
                       struct cron_span *span, int64_t now)
{
    const struct cron_plan *plan = &j->plan[span->plan];
    int64_t anchor = plan->has_anchor ? plan->anchor : span->anchor;
    int64_t until = now < span->end ? now : span->end;
    int64_t at = anchor; /* the first time behind `checked` */

    if (until <= span->checked)
        return;
    if (span->checked >= anchor)
        at += ((span->checked - anchor) / plan->period + 1) * plan->period;
    for (; at <= until && !span->is_paused; at += plan->period)
        if (!cron_look_has(c->aurora.self, j->job.name, at))
            world_fail(c->w, "%s (%s, %s): no record of %lld, now it is %lld",
                       j->job.name, plan->schedule,
                       plan->zone != NULL ? plan->zone : "no zone",
                       (long long)at, (long long)now);
    span->checked = until;
}

static void check_job(struct cluster *c, struct cron_spans *s,
                      const struct cron_job *j, const struct cron_seen *seen)
{
    int64_t now = seen->now;
    struct cron_look look;

    if (!cron_look(c->aurora.self, j->job.name, &look)) {
        if (s->life != c->aurora.life)
            s->count = 0; /* it was decided, and lost before it was durable */
        return;
    }
    if (s->life != c->aurora.life)
        begin_life(s, &look);
    s->life = c->aurora.life;
    if (s->count == 0 || !is_in_force(newest(s), &look))
        begin_span(c, s, j, &look, now);
    for (uint32_t i = 0; i < s->count && seen->is_done; i++)
        check_span(c, j, &s->span[i], now);
}

/* Nothing of it can have changed when nothing happened in that second. */
void cron_spans_check(struct cluster *c)
{
    struct cron_seen *old = &c->checks.crons_seen, seen = {0};
    int64_t now_ms = node_wall_ms(&c->aurora);

    if (c->crons.self == NULL)
        return;
    seen.life = c->aurora.life;
    seen.events = cron_look_events(c->aurora.self);
    seen.now = now_ms / 1000;
    seen.is_done = cron_look_is_done(c->aurora.self, now_ms);
    if (seen.life == old->life && seen.events == old->events &&
        seen.now == old->now && seen.is_done <= old->is_done)
        return;
    *old = seen;
    for (uint32_t i = 0; i < CRON_CLOCKED; i++)
        check_job(c, &c->checks.crons[i], crons_job(c->crons.self, i), &seen);
}
