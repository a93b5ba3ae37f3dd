#include "tests/sim/check_warden.h"
#include "tests/sim/cluster.h"
#include "tests/sim/drain_look.h"
#include "tests/sim/master_look.h"
#include "tests/sim/plain.h"
#include "tests/sim/warden.h"

enum {
    MINUTE = 60 * 1000,
    /* A launch may wait so long on its way: for an agent that is paused, cut
     * off or restarted, then for its executor. */
    ON_ITS_WAY_MS = 7 * MINUTE,
    LATE_MS = 2 * MINUTE
};

static const char *const MODE[] = {[WARDEN_IS_UP] = "up",
                                   [WARDEN_IS_GOING] = "in the schedule",
                                   [WARDEN_IS_DOWN] = "down"};

static void note_modes(struct cluster *c)
{
    for (uint32_t i = 0; i < c->machine_count; i++) {
        struct machine *m = &c->machine[i];
        if (master_look_mode(c->master.self, m->agent.host) != WARDEN_IS_DOWN) {
            m->down_since_ms = 0;
            continue;
        }
        m->downed_ms = c->w->now_ms;
        if (m->down_since_ms == 0)
            m->down_since_ms = c->w->now_ms;
    }
}

void check_warden(struct cluster *c)
{
    char problem[300];

    if (c->warden.self == NULL)
        return;
    if (warden_problem(c->warden.self)[0] != '\0')
        world_fail(c->w, "%s", warden_problem(c->warden.self));
    if (c->master.self == NULL)
        return;
    note_modes(c);
    struct warden_fact fact = warden_fact(c->warden.self);
    if (fact.host != NULL &&
        master_look_mode(c->master.self, fact.host) != fact.mode)
        world_fail(c->w, "%s was acknowledged to be %s and is %s", fact.host,
                   MODE[fact.mode],
                   MODE[master_look_mode(c->master.self, fact.host)]);
    if (master_look_broke(c->master.self, problem, sizeof problem))
        world_fail(c->w, "%s", problem);
}

/* So long as the scheduler lives and its clock goes on. */
void check_going(struct cluster *c)
{
    struct warden_look *look = &c->checks.warden;
    const char *host =
        drain_look_late(c->aurora.self, node_wall_ms(&c->aurora));

    if (host == NULL) {
        look->late_since_ms = 0;
        return;
    }
    if (look->late_since_ms == 0 || look->life != c->aurora.life ||
        look->clock_off_ms != c->aurora.clock_off_ms) {
        look->late_since_ms = c->w->now_ms;
        look->life = c->aurora.life;
        look->clock_off_ms = c->aurora.clock_off_ms;
    }
    if (c->w->now_ms > look->late_since_ms + LATE_MS)
        world_fail(c->w, "%s is away, and a task there goes on", host);
}

void check_not_down(struct cluster *c, const struct run *run)
{
    const struct machine *m = run->container->machine;

    if (m->down_since_ms != 0 &&
        c->w->now_ms > m->down_since_ms + ON_ITS_WAY_MS)
        world_fail(c->w, "%s begins on %s, which is down", run->task_id,
                   m->agent.host);
}

bool was_taken_down(const struct run *run, int64_t at_ms)
{
    const struct machine *m = run->container->machine;

    return m->downed_ms != 0 && at_ms < m->downed_ms + ON_ITS_WAY_MS;
}

void final_warden(struct cluster *c)
{
    if (!warden_is_done(c->warden.self))
        world_fail(c->w, "the end: the warden is not done");
    if (c->master.self != NULL && master_look_machines(c->master.self) > 0)
        world_fail(c->w, "the end: a machine is still in the schedule");
    if (plain_inverses(c->plain.self) > 0)
        world_fail(c->w, "the end: the plain framework is still asked for a "
                         "machine that stays");
    if (c->aurora.self != NULL && drain_look_away(c->aurora.self) != NULL)
        world_fail(c->w, "the end: the scheduler takes %s to go",
                   drain_look_away(c->aurora.self));
}
