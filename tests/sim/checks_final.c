/* The end: all has been quiet for a while; everything converged, and nothing
 * leaks. */
#include "tests/sim/checks_parts.h"
#include "tests/sim/cluster.h"
#include "tests/sim/check_crons.h"
#include "tests/sim/check_keeper.h"
#include "tests/sim/check_team.h"
#include "tests/sim/plain.h"
#include "tests/sim/rollings.h"
#include "tests/sim/user.h"

#include "master/core/master.h"
#include "master/program.h"

#include <stdio.h>
#include <string.h>

enum { SETTLE_MS = 60 * 1000 }; /* what began later is not judged */

static void final_plain(struct cluster *c)
{
    const struct plain *p = c->plain.self;
    char id[64];

    for (uint32_t i = 0; i < plain_count(p); i++) {
        const struct plain_task *task = plain_task(p, i);
        if (task->state != PLAIN_ENDED)
            world_fail(c->w, "the end: %s is %s",
                       plain_task_id(task, id, sizeof id),
                       task->state == PLAIN_WAITING ? "still waiting"
                                                    : "still launched");
    }
}

static const struct run *run_at(const struct cluster *c, uint32_t *machine,
                                uint32_t *at)
{
    while (*machine < c->machine_count &&
           *at == c->machine[*machine].runs.count) {
        ++*machine;
        *at = 0;
    }
    return *machine < c->machine_count ? c->machine[*machine].runs.item[(*at)++]
                                       : NULL;
}

static uint32_t count_alive(const struct cluster *c, const struct user_job *job,
                            uint32_t instance)
{
    uint32_t machine = 0, at = 0, alive = 0;
    const struct run *run;
    char name[64];

    (void)snprintf(name, sizeof name, "%s/%s/%s/%u", job->role, job->env,
                   job->name, instance);
    while ((run = run_at(c, &machine, &at)) != NULL)
        alive += run->ended_ms == 0 && strcmp(run->instance, name) == 0;
    return alive;
}

/* An update that was rolled forward has come to every instance, and one that
 * was rolled back has left none. */
static void final_version(struct cluster *c, const struct user_job *job)
{
    uint32_t machine = 0, at = 0;
    const struct run *run;
    char name[64];
    int size = snprintf(name, sizeof name, "%s/%s/%s/", job->role, job->env,
                        job->name);

    while ((run = run_at(c, &machine, &at)) != NULL)
        if (run->ended_ms == 0 && run->version != job->version &&
            strncmp(run->instance, name, (size_t)size) == 0)
            world_fail(c->w, "the end: %s runs version %u of %u", run->instance,
                       run->version, job->version);
}

/* The longest that aurora lets a service wait that flapped. */
enum { FLAPPING_MS = 5 * 60 * 1000 };

/* The part of a task's id behind the time it was made at. */
static bool is_task_of(const char *key, const char *node, const char *prefix)
{
    size_t size = strlen(node);

    if (strncmp(key, node, size) != 0 || key[size] != ' ')
        return false;
    key += size + 1;
    key += strspn(key, "0123456789");
    return strncmp(key, prefix, strlen(prefix)) == 0;
}

/* Was aurora told of an end of this instance, whatever end it was? `lately`:
 * of one, or a loss, whose successor may still have to wait. */
static bool was_told(const struct cluster *c, const struct user_job *job,
                     uint32_t instance, bool lately)
{
    char prefix[96];

    (void)snprintf(prefix, sizeof prefix, "-%s-%s-%s-%u-", job->role, job->env,
                   job->name, instance);

    for (const struct told *t = c->checks.told; t != NULL; t = t->hh.next)
        if ((lately ? t->is_over && t->over_ms + FLAPPING_MS > c->w->now_ms
                    : t->has_ended) &&
            is_task_of(t->key, c->aurora.name, prefix))
            return true;
    return false;
}

/* A service that flapped waits before it runs again. One that ended with its
 * machine while the master was restarted again and again is known to be lost
 * only when the last master has waited for the agent, shortly before the end.
 */
static bool may_wait(const struct cluster *c, const struct user_job *job,
                     uint32_t instance)
{
    return job->flaps || was_told(c, job, instance, true);
}

/* Services that fill the machines end never: what is large may wait as long. */
static bool has_room(const struct cluster *c, const struct user_job *job)
{
    for (uint32_t i = 0; i < c->machine_count; i++) {
        const struct machine *m = &c->machine[i];
        bool is_shunned =
            job->is_picky && strncmp(m->agent.address, USER_SHUNNED ":",
                                     sizeof USER_SHUNNED) == 0;
        if (!m->is_dead && !is_shunned && machine_free_cpu(m) >= job->cpu_milli)
            return true;
    }
    return false;
}

static void final_instance(struct cluster *c, const struct user_job *job,
                           uint32_t instance)
{
    bool is_wanted = job->is_service && (job->wanted >> instance & 1) != 0;
    uint32_t alive = count_alive(c, job, instance);

    if (alive > is_wanted || (alive < is_wanted && !may_wait(c, job, instance)))
        world_fail(c->w, "the end: %u of %s/%s/%s/%u live", alive, job->role,
                   job->env, job->name, instance);
    if (!job->is_service && instance < job->created &&
        !was_told(c, job, instance, false) &&
        (!job->is_large || has_room(c, job)))
        world_fail(c->w, "the end: %s/%s/%s/%u has not ended", job->role,
                   job->env, job->name, instance);
}

uint32_t checks_alive(struct cluster *c, const struct user_job *job)
{
    uint32_t alive = 0;

    for (uint32_t j = 0; j < USER_INSTANCES_MAX; j++)
        alive |= (uint32_t)(count_alive(c, job, j) > 0) << j;
    return alive;
}

void checks_final_job(struct cluster *c, const struct user_job *job)
{
    for (uint32_t j = 0; j < USER_INSTANCES_MAX; j++)
        final_instance(c, job, j);
    final_version(c, job);
}

bool checks_take_turns(struct cluster *c)
{
    for (uint32_t i = 0; i < USER_JOBS; i++) {
        const struct user_job *job = user_job(c->user.self, i);
        for (uint32_t j = 0; job->is_large && j < job->created; j++)
            if (count_alive(c, job, j) > 0 || !was_told(c, job, j, false))
                return true;
    }
    return false;
}

static void final_jobs(struct cluster *c)
{
    for (uint32_t i = 0; i < USER_JOBS; i++) {
        const struct user_job *job = user_job(c->user.self, i);
        if (job->done != job->steps)
            world_fail(c->w, "the end: step %u of %s/%s/%s is not answered",
                       job->done, job->role, job->env, job->name);
        checks_final_job(c, job);
    }
}

/* Did a task begin or end just now? Then its traces are on the way out. */
static bool is_busy(const struct cluster *c, const struct machine *m)
{
    for (uint32_t i = 0; i < m->runs.count; i++)
        if (c->w->now_ms - m->runs.item[i]->started_ms < SETTLE_MS ||
            c->w->now_ms - m->runs.item[i]->ended_ms < SETTLE_MS)
            return true;
    for (uint32_t i = 0; i < m->containers.count; i++)
        if (c->w->now_ms - m->containers.item[i]->launched_ms < SETTLE_MS)
            return true;
    return false;
}

static void final_machine(struct cluster *c, const struct machine *m)
{
    uint32_t alive = machine_alive(m), runs = 0;

    if (is_busy(c, m))
        return;
    for (uint32_t i = 0; i < m->runs.count; i++)
        runs += m->runs.item[i]->ended_ms == 0;
    if (alive != runs)
        world_fail(c->w, "the end: %s has %u containers for %u tasks",
                   m->agent.name, alive, runs);
    if (m->is_dead)
        return;
    if (disk_count(&m->agent.disk, "tasks") != runs ||
        disk_count(&m->agent.disk, "executors") != runs)
        world_fail(c->w,
                   "the end: the store of %s has %u tasks and %u "
                   "executors, %u tasks live",
                   m->agent.name, disk_count(&m->agent.disk, "tasks"),
                   disk_count(&m->agent.disk, "executors"), runs);
}

/* Did it go with an agent that was told to leave for good? */
static bool left_with_agent(const struct cluster *c, const struct owed *o)
{
    uint32_t machine = 0, at = 0;
    const struct run *run;

    while ((run = run_at(c, &machine, &at)) != NULL)
        if (strcmp(run->task_id, o->task_id) == 0)
            return was_taken_down(run, o->since_ms);
    return false;
}

static void final_updates(struct cluster *c)
{
    for (const struct owed *o = c->checks.owed; o != NULL; o = o->hh.next) {
        if (o->is_told || o->task_id == NULL ||
            c->w->now_ms - o->since_ms < SETTLE_MS || left_with_agent(c, o))
            continue;
        bool is_plain = strncmp(o->task_id, "plain-", 6) == 0;
        if (!told_about(&c->checks, is_plain ? &c->plain : &c->aurora,
                        o->task_id)
                 ->is_given_up)
            world_fail(c->w, "the end: an update of %s was never delivered",
                       o->task_id);
    }
}

static void final_master(struct cluster *c)
{
    const struct master *m = master_program_core(c->master.self);
    uint32_t connected = 0;

    for (const struct agent *a = m->agents; a != NULL; a = a->hh.next)
        connected += a->state == AGENT_CONNECTED;
    uint32_t living = 0;
    for (uint32_t i = 0; i < c->machine_count; i++)
        living += !c->machine[i].is_dead;
    if (connected != living)
        world_fail(c->w, "the end: %u of %u agents are connected", connected,
                   living);
}

void checks_final(struct cluster *c)
{
    final_plain(c);
    final_master(c);
    final_jobs(c);
    final_team(c);
    if (pushes_final(&c->pushes, c->aurora.self, c->w->now_ms))
        world_fail(c->w, "the end: %s", c->pushes.problem);
    if (rollings_unfinished(c->aurora.self))
        world_fail(c->w, "the end: a restart or kill of %s is under way",
                   rollings_unfinished(c->aurora.self));
    final_crons(c);
    final_keeper(c);
    final_warden(c);
    final_posts(c);
    final_people(c);
    final_updates(c);
    for (uint32_t i = 0; i < c->machine_count; i++)
        final_machine(c, &c->machine[i]);
}
