#include "tests/sim/checks.h"
#include "tests/sim/checks_parts.h"
#include "tests/sim/cluster.h"
#include "tests/sim/bank.h"
#include "tests/sim/check_crons.h"
#include "tests/sim/check_keeper.h"
#include "tests/sim/check_team.h"
#include "tests/sim/cron_spans.h"
#include "tests/sim/plain.h"
#include "tests/sim/patience.h"
#include "tests/sim/stranger.h"
#include "tests/sim/surges.h"
#include "tests/sim/team.h"
#include "tests/sim/user.h"

#include "base/alloc.h"
#include "master/core/master.h"
#include "master/program.h"
#include "mesos/v1/executor.pb-c.h"
#include "mesos/v1/scheduler.pb-c.h"
#include "wire/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void checks_release(struct checks *checks)
{
    struct told *told, *next;
    struct owed *owed, *next_owed;

    HASH_ITER(hh, checks->owed, owed, next_owed)
    {
        HASH_DEL(checks->owed, owed);
        free(owed->task_id);
        free(owed);
    }

    HASH_ITER(hh, checks->told, told, next)
    {
        HASH_DEL(checks->told, told);
        free(told);
    }
}

/* --- 1. resources are never promised twice --- */

/* From the master's own lists, not from its sums. */
static void check_agent(struct cluster *c, const struct agent *agent)
{
    struct resources left, part;
    struct world *w = c->w;

    resources_copy(&left, &agent->total);
    for (const struct offer *o = agent->offers; o != NULL; o = o->agent_next) {
        resources_copy(&part, &o->resources);
        resources_allocate(&part, "");
        if (!resources_contain(&left, &part))
            world_fail(w, "master: offer %llu of %s is promised twice",
                       (unsigned long long)o->number, agent->id);
        resources_subtract(&left, &part);
        resources_release(&part);
    }
    for (const struct task *t = agent->tasks; t != NULL; t = t->agent_next) {
        if (!t->is_charged)
            continue;
        resources_copy(&part, &t->resources);
        resources_allocate(&part, "");
        if (!resources_contain(&left, &part))
            world_fail(w, "master: what %s has on %s is promised twice", t->id,
                       agent->id);
        resources_subtract(&left, &part);
        resources_release(&part);
    }
    resources_release(&left);
}

static uint64_t mix(uint64_t mark, uint64_t value)
{
    return (mark ^ value) * UINT64_C(0x9e3779b97f4a7c15);
}

/* Equal marks, equal sums: what an offer or a task has never changes. */
static uint64_t mark_of(const struct agent *agent)
{
    uint64_t mark = agent->number;

    for (const struct offer *o = agent->offers; o != NULL; o = o->agent_next)
        mark = mix(mark, o->number);
    for (const struct task *t = agent->tasks; t != NULL; t = t->agent_next)
        if (t->is_charged)
            mark = mix(mark, (uintptr_t)t);
    return mark;
}

/* Adding up is dear: only what changed, and each agent now and then. */
static void check_master(struct cluster *c)
{
    const struct master *m = master_program_core(c->master.self);

    for (const struct agent *a = m->agents; a != NULL; a = a->hh.next) {
        struct agent_look *look = &c->checks.agent[a->number % AGENT_LOOKS];
        uint64_t mark = mark_of(a);
        if (look->agent == a->number && look->mark == mark &&
            ++look->steps % AGENT_LOOKS != 0)
            continue;
        check_agent(c, a);
        *look = (struct agent_look){.agent = a->number, .mark = mark};
    }
}

static void check_aurora(struct cluster *c)
{
    if (bank_excess(c->aurora.self))
        world_fail(c->w, "the tasks of role %s are more than its quota",
                   bank_excess(c->aurora.self));
    if (c->aurora.self == NULL)
        return;
    const char *wrong = pushes_check(&c->pushes, c->aurora.self, c->w->now_ms);
    struct bytes late =
        patience_was_long(c->aurora.self, node_wall_ms(&c->aurora));

    if (wrong)
        world_fail(c->w, "%s", wrong);
    if (late.size > 0)
        world_fail(c->w, "%.*s: waits in vain for its place", (int)late.size,
                   (const char *)late.data);
    check_team(c);
    cron_spans_check(c);
    broken_check(c);
}

void cluster_on_served(struct cluster *c, const struct node *node,
                       const char *peer, const struct effects *fx,
                       uint32_t from)
{
    if (node == &c->aurora && c->people.is_on)
        people_on_served(c, peer, fx, from);
}

void cluster_check(struct cluster *c, struct node *node)
{
    if (node == &c->master)
        check_master(c);
    else if (node == &c->aurora)
        check_aurora(c);
    else if (node == &c->team)
        check_team(c);
    else if (node == &c->crons)
        check_crons(c);
    else if (node == &c->bank && bank_problem(c->bank.self)[0] != '\0')
        world_fail(c->w, "%s", bank_problem(c->bank.self));
    else if (node == &c->stranger && stranger_problem(node->self)[0] != '\0')
        world_fail(c->w, "stranger: %s", stranger_problem(node->self));
    else if (node == &c->user && user_problem(c->user.self)[0] != '\0')
        world_fail(c->w, "%s", user_problem(c->user.self));
    if (node == &c->aurora || node == &c->keeper)
        check_keeper(c);
    if (node == &c->master || node == &c->warden)
        check_warden(c);
    if (node == &c->aurora && c->aurora.self != NULL)
        check_going(c);
}

/* From what really runs: tasks that live at the same time on one machine fit
 * into it, and share no port. */
static void check_machine(struct cluster *c, const struct machine *m)
{
    struct resources left;

    resources_copy(&left, &m->total);
    for (uint32_t i = 0; i < m->runs.count; i++) {
        const struct run *run = m->runs.item[i];
        if (run->ended_ms != 0)
            continue;
        if (!resources_contain(&left, &run->resources))
            world_fail(c->w, "%s: the tasks that live do not fit: %s",
                       m->agent.name, run->task_id);
        resources_subtract(&left, &run->resources);
    }
    resources_release(&left);
}

void cluster_on_run_end(struct cluster *c, struct run *run)
{
    team_on_end(c->team.self, run->instance, run->end == THERMOS_FINISHED);
}

/* --- 4. updates in order, terminal states for ever --- */

static bool is_terminal(int state)
{
    switch (state) {
    case MESOS__V1__TASK_STATE__TASK_FINISHED:
    case MESOS__V1__TASK_STATE__TASK_FAILED:
    case MESOS__V1__TASK_STATE__TASK_KILLED:
    case MESOS__V1__TASK_STATE__TASK_ERROR:
        return true;
    default:
        return false;
    }
}

static bool is_forgotten(int state)
{
    switch (state) {
    case MESOS__V1__TASK_STATE__TASK_LOST:
    case MESOS__V1__TASK_STATE__TASK_DROPPED:
    case MESOS__V1__TASK_STATE__TASK_GONE:
    case MESOS__V1__TASK_STATE__TASK_GONE_BY_OPERATOR:
    case MESOS__V1__TASK_STATE__TASK_UNKNOWN:
        return true;
    default:
        return false;
    }
}

struct told *told_about(struct checks *checks, const struct node *node,
                        const char *task_id)
{
    struct told *told;
    char key[256] = "";

    (void)snprintf(key, sizeof key, "%s %.200s", node->name, task_id);
    HASH_FIND_STR(checks->told, key, told);
    if (told == NULL) {
        told = xcalloc(1, sizeof *told);
        memcpy(told->key, key, sizeof key);
        told->terminal = -1;
        HASH_ADD_STR(checks->told, key, told);
    }
    return told;
}

/* --- 3. one live task per instance --- */

/* Aurora's patience with a launch, less what a launch may take: its executor's
 * first call may wait for an agent that is restarted. */
enum { ASSIGNED_MS = 5 * 60 * 1000 - 120 * 1000 };

static bool may_surge(struct cluster *c, const struct run *old,
                      const struct run *run)
{
    const struct user_job *job = user_job_of(c->user.self, run->instance);

    return ((job != NULL && user_has_surged(job)) || bank_has(run->instance)) &&
           surge_explains(c->aurora.self,
                          &(struct surging){old->task_id, old->version},
                          &(struct surging){run->task_id, run->version});
}

/* Two may live at once in a surge, or when the scheduler was told that the
 * other is lost or out of reach, or heard nothing of it for so long that it
 * gave it up. */
static void check_pair(struct cluster *c, const struct run *old,
                       const struct run *run)
{
    if (strcmp(old->task_id, run->task_id) == 0)
        world_fail(c->w, "task %s runs a second time", run->task_id);
    if (run->instance[0] == '\0' || old->ended_ms != 0 ||
        strcmp(old->instance, run->instance) != 0 || may_surge(c, old, run))
        return;
    const struct told *told = told_about(&c->checks, &c->aurora, old->task_id);
    if (patience_was_short(c->aurora.self, old->task_id))
        world_fail(c->w, "%s was given up too early", old->task_id);
    if (!told->is_over &&
        node_wall_ms(&c->aurora) < old->aurora_ms + ASSIGNED_MS)
        world_fail(c->w, "%s lives twice: %s and %s", run->instance,
                   old->task_id, run->task_id);
}

/* No task runs where a script said no. */
static void check_place(struct cluster *c, const struct run *run)
{
    const struct machine *m = run->container->machine;
    char name[64];

    if (strcmp(m->agent.host, USER_SHUNNED) != 0)
        return;
    for (uint32_t i = 0; i < USER_JOBS; i++) {
        const struct user_job *job = user_job(c->user.self, i);
        int size = snprintf(name, sizeof name, "%s/%s/%s/", job->role, job->env,
                            job->name);
        if (job->is_picky && strncmp(run->instance, name, (size_t)size) == 0)
            world_fail(c->w, "%s: its job shuns this host", run->task_id);
    }
}

void cluster_on_run_begin(struct cluster *c, struct run *run)
{
    check_place(c, run);
    check_order(c, run->instance);
    check_not_down(c, run);
    run->aurora_ms = node_wall_ms(&c->aurora);
    for (uint32_t m = 0; m < c->machine_count; m++)
        for (uint32_t i = 0; i < c->machine[m].runs.count; i++)
            if (c->machine[m].runs.item[i] != run)
                check_pair(c, c->machine[m].runs.item[i], run);
    check_machine(c, run->container->machine);
}

static void check_uuid(struct cluster *c, struct told *told,
                       const struct uuid *uuid)
{
    for (uint32_t i = 0; i < told->count; i++) {
        if (!uuid_equal(&told->uuid[i], uuid))
            continue;
        if (i + 1 != told->count)
            world_fail(c->w, "%s: update %u comes again after update %u",
                       told->key, i + 1, told->count);
        return;
    }
    if (told->count == TOLD_MAX)
        world_fail(c->w, "%s: more than %d updates", told->key, TOLD_MAX);
    told->uuid[told->count++] = *uuid;
}

static struct owed *owed_about(struct checks *checks, const struct uuid *uuid)
{
    struct owed *owed;

    HASH_FIND(hh, checks->owed, uuid, sizeof *uuid, owed);
    if (owed == NULL) {
        owed = xcalloc(1, sizeof *owed);
        owed->uuid = *uuid;
        HASH_ADD(hh, checks->owed, uuid, sizeof *uuid, owed);
    }
    return owed;
}

static void note_kept(struct cluster *c,
                      const Mesos__V1__Executor__Event__Acknowledged *kept)
{
    struct uuid uuid;

    if (kept->uuid.len != UUID_BYTES)
        return;
    memcpy(uuid.byte, kept->uuid.data, UUID_BYTES);
    struct owed *owed = owed_about(&c->checks, &uuid);
    if (owed->task_id == NULL) {
        owed->task_id = xstrdup(kept->task_id->value);
        owed->since_ms = c->w->now_ms;
    }
}

void cluster_on_disk_lost(struct cluster *c, const struct machine *m)
{
    for (struct owed *o = c->checks.owed; o != NULL; o = o->hh.next)
        for (uint32_t i = 0; o->task_id != NULL && i < m->runs.count; i++)
            if (strcmp(m->runs.item[i]->task_id, o->task_id) == 0)
                o->is_told = true;
}

/* --- what a framework is told is true --- */

enum { SURE_MS = 10 * 1000 }; /* a launch may overtake a question about it */

static const struct run *find_run(const struct cluster *c, const char *task_id)
{
    for (uint32_t m = 0; m < c->machine_count; m++)
        for (uint32_t i = 0; i < c->machine[m].runs.count; i++)
            if (strcmp(c->machine[m].runs.item[i]->task_id, task_id) == 0)
                return c->machine[m].runs.item[i];
    return NULL;
}

/* A framework that knows of partitions is never told that a task is over that
 * lives, unless its machine was taken down, and nobody's launches are wrong. */
static void check_truth(struct cluster *c, const struct told *told, int state,
                        const char *task_id, bool is_aware)
{
    if (state == MESOS__V1__TASK_STATE__TASK_ERROR)
        world_fail(c->w, "%s: refused as an error", told->key);
    if (!is_aware || !is_forgotten(state))
        return;
    const struct run *run = find_run(c, task_id);
    if (run != NULL && run->ended_ms == 0 &&
        !was_taken_down(run, run->started_ms) &&
        c->w->now_ms > run->started_ms + SURE_MS)
        world_fail(c->w, "%s: told state %d, but it lives", told->key, state);
}

/* What a framework that lost the news of an end in a crash may hear when it
 * asks again: that the task is forgotten, or out of reach with the agent that
 * still has the news, from a master that began since. */
static bool may_follow_end(const struct cluster *c, const struct told *told,
                           int state, bool is_news)
{
    return !is_news && (is_forgotten(state) ||
                        (state == MESOS__V1__TASK_STATE__TASK_UNREACHABLE &&
                         told->teller != c->master.life));
}

static void check_update(struct cluster *c, const struct node *node,
                         const Mesos__V1__TaskStatus *status)
{
    struct told *told = told_about(&c->checks, node, status->task_id->value);
    int state = (int)status->state;
    struct uuid uuid;

    c->checks.updates++;
    if (node == &c->aurora)
        told->stream = c->checks.news.streams;
    check_truth(c, told, state, status->task_id->value,
                node == &c->aurora || c->plain_is_aware);
    told->is_given_up |= is_forgotten(state);
    told->has_ended |= is_terminal(state);
    if (!told->is_over && (is_terminal(state) || is_forgotten(state) ||
                           state == MESOS__V1__TASK_STATE__TASK_UNREACHABLE)) {
        told->is_over = true;
        told->over_ms = c->w->now_ms;
    }
    if (told->terminal >= 0 && state != told->terminal &&
        !may_follow_end(c, told, state, status->has_uuid))
        world_fail(c->w, "%s: state %d after the terminal state %d", told->key,
                   state, told->terminal);
    const struct run *run = find_run(c, status->task_id->value);
    if (run != NULL && node == &c->aurora &&
        state == MESOS__V1__TASK_STATE__TASK_FAILED)
        broken_on_failed(c, run);
    if (!status->has_uuid || status->uuid.len != UUID_BYTES)
        return;
    memcpy(uuid.byte, status->uuid.data, UUID_BYTES);
    check_uuid(c, told, &uuid);
    owed_about(&c->checks, &uuid)->is_told = true;
    if (is_terminal(state)) {
        told->terminal = state;
        told->teller = c->master.life;
    }
}

static const void *decode(struct cluster *c, const struct node *node,
                          const struct input *input,
                          const ProtobufCMessageDescriptor *type,
                          struct arena *arena)
{
    bool is_json = input->record.size > 0 && input->record.data[0] == '{';
    ProtobufCMessage *message;
    struct err err = {0};

    if (codec_decode(type, "Event", is_json ? MEDIA_JSON : MEDIA_PROTOBUF,
                     input->record, arena, &message, &err) < 0)
        world_fail(c->w, "%s: an event cannot be read: %s", node->name,
                   err.text);
    return message;
}

void cluster_on_record(struct cluster *c, struct node *node,
                       const struct input *input)
{
    struct arena arena;

    arena_init(&arena);
    if (strcmp(input->about, "scheduler.event") == 0) {
        const Mesos__V1__Scheduler__Event *event = decode(
            c, node, input, &mesos__v1__scheduler__event__descriptor, &arena);
        if (event->type == MESOS__V1__SCHEDULER__EVENT__TYPE__UPDATE)
            check_update(c, node, event->update->status);
        if (event->type == MESOS__V1__SCHEDULER__EVENT__TYPE__SUBSCRIBED &&
            node == &c->aurora)
            c->checks.news = (struct news){
                node->life, c->checks.news.streams + 1, node_wall_ms(node)};
    } else if (strcmp(input->about, "executor.event") == 0) {
        const Mesos__V1__Executor__Event *event = decode(
            c, node, input, &mesos__v1__executor__event__descriptor, &arena);
        if (event->type == MESOS__V1__EXECUTOR__EVENT__TYPE__ACKNOWLEDGED)
            note_kept(c, event->acknowledged);
    }
    arena_release(&arena);
}
