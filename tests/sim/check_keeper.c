#include "tests/sim/check_keeper.h"
#include "tests/sim/checks_parts.h"
#include "tests/sim/cluster.h"
#include "tests/sim/drain_look.h"
#include "tests/sim/keeper.h"

enum {
    /* A task may take five minutes to be given up, and what waits is looked at
     * each minute. */
    GOES_ON_MS = 8 * 60 * 1000
};

/* What was acknowledged is in force; and nothing but its tasks holds it up, so
 * long as the scheduler lives and its clock goes on. */
static void check_drain(struct cluster *c, const struct keeper_window *w)
{
    struct keeper_look *look = &c->checks.keeper;
    enum drain_look_mode mode = drain_look_mode(c->aurora.self, w->host);

    if (mode == DRAIN_LOOK_NONE)
        world_fail(c->w, "%s: its drain was acknowledged and is forgotten",
                   w->host);
    if (look->calm_since_ms == 0 || look->life != c->aurora.life ||
        look->clock_off_ms != c->aurora.clock_off_ms) {
        look->calm_since_ms = c->w->now_ms;
        look->clock_off_ms = c->aurora.clock_off_ms;
    }
    if (mode == DRAIN_LOOK_DRAINING &&
        c->w->now_ms >
            look->calm_since_ms + GOES_ON_MS + (int64_t)w->timeout_secs * 1000)
        world_fail(c->w, "%s: its drain does not come to an end", w->host);
}

enum {
    /* Who is silent so long after the stream began counts as what it was. */
    SILENCE_MS = 60 * 1000
};

/* By what went over the wire: a report since the scheduler's stream began. */
static bool was_heard(void *context, const char *task_id)
{
    struct cluster *c = context;
    const struct news *news = &c->checks.news;
    const struct told *told = told_about(&c->checks, &c->aurora, task_id);

    if (news->life != c->aurora.life)
        return false; /* it has no stream, yet */
    return told->stream == news->streams ||
           node_wall_ms(&c->aurora) - news->since_ms >= SILENCE_MS;
}

static void check_policies(struct cluster *c)
{
    struct keeper_look *look = &c->checks.keeper;
    uint64_t count = drain_look_count(c->aurora.self);
    char problem[400];

    if (look->life == c->aurora.life && look->drained != count &&
        drain_look_broke(c->aurora.self, node_wall_ms(&c->aurora), was_heard, c,
                         problem, sizeof problem))
        world_fail(c->w, "%s", problem);
    look->drained = count;
}

void check_keeper(struct cluster *c)
{
    const struct keeper_window *w;

    if (c->keeper.self == NULL || c->aurora.self == NULL)
        return;
    if (keeper_problem(c->keeper.self)[0] != '\0')
        world_fail(c->w, "%s", keeper_problem(c->keeper.self));
    w = keeper_draining(c->keeper.self);
    if (w != NULL)
        check_drain(c, w);
    else
        c->checks.keeper.calm_since_ms = 0;
    check_policies(c);
    c->checks.keeper.life = c->aurora.life;
}

void final_keeper(struct cluster *c)
{
    if (!keeper_is_done(c->keeper.self))
        world_fail(c->w, "the end: the keeper is not done");
    if (c->aurora.self != NULL && drain_look_left(c->aurora.self) != NULL)
        world_fail(c->w, "the end: %s is still in maintenance",
                   drain_look_left(c->aurora.self));
}
