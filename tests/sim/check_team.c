#include "tests/sim/check_team.h"
#include "tests/sim/cluster.h"
#include "tests/sim/group_look.h"
#include "tests/sim/team.h"

#include <string.h>

/* A job is told to end: has what needs it ended? */
static void check_ending(struct cluster *c, const struct team_group *group,
                         uint32_t at)
{
    if (!group_look_is_ending(c->aurora.self, group->member[at].job.name))
        return;
    for (uint32_t i = at + 1; i < group->members; i++) {
        const struct team_member *m = &group->member[i];
        if ((m->needs >> at & 1) != 0 &&
            group_look_is_here(c->aurora.self, m->job.name))
            world_fail(c->w, "%s ends before %s, which needs it",
                       group->member[at].job.name, m->job.name);
    }
}

void check_team(struct cluster *c)
{
    if (c->team.self == NULL) /* it is about to begin */
        return;
    if (team_problem(c->team.self)[0] != '\0')
        world_fail(c->w, "%s", team_problem(c->team.self));
    if (c->aurora.self == NULL)
        return;
    for (uint32_t g = 0; g < TEAM_GROUPS; g++) {
        struct team_group *group = team_group(c->team.self, g);
        if (strcmp(group_look_state(c->aurora.self, group->name), "REMOVING") !=
            0)
            continue;
        for (uint32_t i = 0; i < group->members; i++)
            check_ending(c, group, i);
    }
}

void check_order(struct cluster *c, const char *instance)
{
    const char *missing = team_on_begin(c->team.self, instance);

    if (missing != NULL)
        world_fail(c->w, "%s begins before %s was up", instance, missing);
}

/* One that is scaled up while its highest instance is being killed has other
 * numbers than 0 to so many less one. */
static void take_numbers(struct cluster *c, struct user_job *job)
{
    uint32_t alive = checks_alive(c, job);

    if (job->is_service &&
        __builtin_popcount(alive) == __builtin_popcount(job->wanted))
        job->wanted = alive;
}

static void final_group(struct cluster *c, struct team_group *group)
{
    const char *state = group_look_state(c->aurora.self, group->name);

    if (group->done != group->steps)
        world_fail(c->w, "the end: step %u of %s is not done, it is %s",
                   group->done, group->name, state);
    if (strcmp(state, group->is_there ? "RUNNING" : "NONE") != 0)
        world_fail(c->w, "the end: %s is %s", group->name, state);
    for (uint32_t i = 0; i < group->members; i++) {
        struct team_member *m = &group->member[i];
        take_numbers(c, &m->job);
        checks_final_job(c, &m->job);
        if (group->is_there && !m->job.is_service && !m->has_finished)
            world_fail(c->w, "the end: %s has not finished", m->job.name);
    }
}

void final_team(struct cluster *c)
{
    for (uint32_t g = 0; g < TEAM_GROUPS; g++)
        final_group(c, team_group(c->team.self, g));
}
