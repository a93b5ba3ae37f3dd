#include "tests/sim/container.h"
#include "tests/sim/care.h"
#include "tests/sim/cluster.h"

#include "agent/acts.h"
#include "base/alloc.h"
#include "base/text.h"
#include "executor/thermos/program.h"
#include "mesos/v1/mesos.pb-c.h"
#include "perigee/job.pb-c.h"
#include "wire/codec.h"
#include "wire/values.h"

#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND };

struct container_event {
    struct event event;
    struct container *container;
    uint64_t number; /* of the runner; 0: any */
};

static void container_at(struct container *c, int64_t delay_ms,
                         void (*run)(struct world *, struct event *))
{
    struct container_event *e = xcalloc(1, sizeof *e);
    struct world *w = c->executor.w;

    *e = (struct container_event){{run, NULL}, c, c->runner};
    world_at(w, w->now_ms + delay_ms, &e->event);
}

/* --- what the agent is told --- */

static void tell_exited(struct container *c, int status)
{
    struct agent_exited fact = {0};
    struct node *agent = &c->machine->agent;
    char about[128];

    (void)snprintf(fact.container_id, sizeof fact.container_id, "%s", c->id);
    fact.has_status = c->agent_life == agent->life && status >= 0;
    fact.status = fact.has_status ? status : 0;
    (void)snprintf(about, sizeof about, "EXITED %s status %d", c->id,
                   fact.status);
    node_fact_later(agent, world_between(agent->w, 0, 20), AGENT_FACT_EXITED,
                    &fact, sizeof fact, about);
}

void container_tell_pid(struct container *c, enum agent_fact kind)
{
    struct agent_started fact = {.pid = c->pid, .born = (uint64_t)c->pid};
    struct node *agent = &c->machine->agent;
    char about[128];

    (void)snprintf(fact.container_id, sizeof fact.container_id, "%s", c->id);
    (void)snprintf(about, sizeof about, "%s %s pid %lld",
                   kind == AGENT_FACT_ALIVE ? "ALIVE" : "STARTED", c->id,
                   (long long)c->pid);
    node_fact_later(agent, world_between(agent->w, 0, 5), kind, &fact,
                    sizeof fact, about);
}

/* --- the task --- */

void container_run_end(struct container *c, enum thermos_state end)
{
    struct run *run = c->run;

    if (run == NULL || run->ended_ms != 0)
        return;
    run->ended_ms = c->executor.w->now_ms;
    run->end = end;
    world_note(c->executor.w, c->executor.name, "task", 0, bytes_of_text(""),
               "%s ends as %d", run->task_id, (int)end);
    cluster_on_run_end(c->machine->cluster, run);
}

static const char *instance_name(const Mesos__V1__TaskInfo *task,
                                 const char **command, struct arena *arena)
{
    ProtobufCMessage *message = NULL;

    if (task->command != NULL) {
        *command = task->command->value;
        return "";
    }
    struct bytes data = bytes_of(task->data.data, task->data.len);
    if (codec_decode(&perigee__assigned_task__descriptor, "AssignedTask",
                     MEDIA_PROTOBUF, data, arena, &message, NULL) < 0)
        return NULL;
    const Perigee__AssignedTask *assigned = (const void *)message;
    const Perigee__Job *job = assigned->job;
    assert(job != NULL && job->task != NULL && job->task->n_processes > 0);
    *command = job->task->processes[0]->cmdline;
    return arena_printf(arena, "%s/%s/%s/%u", job->role, job->environment,
                        job->name, assigned->instance);
}

/* What ends by itself in a group is spared: a group has one try. */
static bool is_broken(const struct container *c, const struct run *run)
{
    bool is_one_off = run->ends_ms != INT64_MAX;

    return broken_is(c->machine->cluster, c->machine) &&
           !(is_one_off && strncmp(run->instance, "team/", 5) == 0);
}

static void run_begin(struct container *c, struct bytes task_info)
{
    struct world *w = c->executor.w;
    struct arena arena;
    ProtobufCMessage *message = NULL;
    struct run *run = xcalloc(1, sizeof *run);
    const char *command = NULL;
    long long length_ms = 0;

    arena_init(&arena);
    if (codec_decode(&mesos__v1__task_info__descriptor, "TaskInfo",
                     MEDIA_PROTOBUF, task_info, &arena, &message, NULL) < 0)
        world_fail(w, "%s: the TaskInfo of a launch cannot be read", c->id);
    const Mesos__V1__TaskInfo *task = (const void *)message;
    const char *instance = instance_name(task, &command, &arena);
    if (instance == NULL || command == NULL ||
        sscanf(command, "sim %lld %d v%" SCNu32, &length_ms, &run->status,
               &run->version) < 2)
        world_fail(w, "%s: a task that is none of ours", c->id);
    run->task_id = xstrdup(task->task_id->value);
    run->instance = xstrdup(instance);
    run->container = c;
    run->started_ms = w->now_ms;
    run->ends_ms = length_ms < 0 ? INT64_MAX : w->now_ms + length_ms;
    if (resources_decode(task->resources, task->n_resources, &run->resources,
                         NULL) < 0)
        world_fail(w, "%s: the resources of a launch cannot be read", c->id);
    resources_allocate(&run->resources, "");
    arena_release(&arena);
    run->is_broken = is_broken(c, run);
    if (run->is_broken)
        run->ends_ms = w->now_ms;
    c->run = run;
    *vec_add(&c->machine->runs) = run;
    world_note(w, c->executor.name, "task", 0, bytes_of_text(""),
               "%s begins in %s", run->task_id, c->id);
    cluster_on_run_begin(c->machine->cluster, run);
    if (run->is_broken)
        broken_on_start(c->machine->cluster, run);
}

/* --- the runner --- */

static void tell_executor(struct container *c, uint32_t kind, const void *data,
                          size_t size, const char *about)
{
    node_fact(&c->executor, kind, data, size, about);
}

static void runner_ends(struct container *c, enum thermos_state end)
{
    struct executor_ended ended = {.state = end,
                                   .text = bytes_of_text("as planned")};
    struct executor_runner_died died = {0};
    char about[64];

    container_run_end(c, end);
    c->is_runner_alive = false;
    (void)snprintf(about, sizeof about, "ENDED %d", (int)end);
    tell_executor(c, EXECUTOR_FACT_ENDED, &ended, sizeof ended, about);
    tell_executor(c, EXECUTOR_FACT_RUNNER_DIED, &died, sizeof died, "DIED 0");
}

static bool is_current(const struct container_event *e)
{
    return e->container->is_alive && e->container->is_runner_alive &&
           e->container->runner == e->number;
}

static void on_run_over(struct world *w, struct event *event)
{
    const struct container_event *e = (struct container_event *)event;
    struct container *c = e->container;

    if (!is_current(e) || c->run->ended_ms != 0 || w->now_ms < c->run->ends_ms)
        return;
    runner_ends(c, c->run->status == 0 && !c->run->is_broken ? THERMOS_FINISHED
                                                             : THERMOS_FAILED);
}

static void on_kill_over(struct world *w, struct event *event)
{
    const struct container_event *e = (struct container_event *)event;

    if (is_current(e) && w->now_ms >= e->container->kill_ms)
        runner_ends(e->container, THERMOS_KILLED);
}

static void on_runner_ready(struct world *w, struct event *event)
{
    const struct container_event *e = (struct container_event *)event;
    struct container *c = e->container;
    struct executor_running running = {.grace_ms = 2000};

    if (!is_current(e))
        return;
    tell_executor(c, EXECUTOR_FACT_RUNNING, &running, sizeof running,
                  "RUNNING");
    if (c->run->ended_ms != 0)
        runner_ends(c, c->run->end);
    else if (c->run->ends_ms != INT64_MAX)
        container_at(
            c, c->run->ends_ms > w->now_ms ? c->run->ends_ms - w->now_ms : 0,
            on_run_over);
}

static void start_runner(struct container *c,
                         const struct executor_start *start)
{
    assert(!c->is_runner_alive);
    assert(start->take_over == (c->run != NULL));
    if (c->run == NULL)
        run_begin(c, start->task_info);
    c->runner++;
    c->is_runner_alive = true;
    c->kill_ms = INT64_MAX;
    container_at(c, world_between(c->executor.w, 0, 40), on_runner_ready);
}

/* Most tasks end when they are asked to; some wait for the end of the grace. */
static void kill_task(struct container *c, int64_t grace_ms)
{
    struct world *w = c->executor.w;
    int64_t delay_ms =
        world_once_in(w, 8) ? grace_ms : world_between(w, 0, grace_ms / 4);

    if (!c->is_runner_alive || w->now_ms + delay_ms >= c->kill_ms)
        return;
    c->kill_ms = w->now_ms + delay_ms;
    container_at(c, delay_ms, on_kill_over);
}

void container_runner_dies(struct container *c)
{
    struct executor_runner_died died = {SIGKILL};

    c->is_runner_alive = false;
    tell_executor(c, EXECUTOR_FACT_RUNNER_DIED, &died, sizeof died, "DIED 9");
}

static void executor_act(struct node *node, uint32_t kind, const void *data)
{
    struct container *c = node->context;

    switch (kind) {
    case EXECUTOR_ACT_START_RUNNER:
        start_runner(c, data);
        break;
    case EXECUTOR_ACT_KILL_TASK:
        kill_task(c, ((const struct executor_kill *)data)->grace_ms);
        break;
    case EXECUTOR_ACT_TELL_LINK:
        c->orphan_until_ms =
            ((const struct executor_tell_link *)data)->until_ms;
        break;
    case EXECUTOR_ACT_DESTROY:
        container_run_end(c, THERMOS_KILLED);
        if (c->is_runner_alive)
            container_runner_dies(c);
        break;
    default:
        care_act(c, kind, data);
    }
}

/* --- the executor --- */

static void *executor_begin(struct node *node)
{
    const struct container *c = node->context;

    return executor_program_new(&(struct executor_options){
        .agent_endpoint = c->endpoint,
        .framework_id = c->framework_id,
        .executor_id = c->executor_id,
        .recovery_timeout_ms = c->recovery_ms,
        .backoff_max_ms = c->backoff_ms,
        .shutdown_grace_ms = c->grace_ms - c->grace_ms / 5,
        .seed = node->seed});
}

static void executor_end(void *self)
{
    executor_program_free(self);
}

void container_die(struct container *c, int status)
{
    container_run_end(c, THERMOS_KILLED);
    c->is_alive = false;
    c->is_runner_alive = false;
    tell_exited(c, status);
}

static void on_orphan_over(struct world *w, struct event *event)
{
    struct container *c = ((struct container_event *)event)->container;

    (void)w;
    container_run_end(c, THERMOS_KILLED);
    c->is_runner_alive = false;
}

/* The agent that sees its executor die ends what is left of the container. One
 * that is away finds it later; meanwhile the task may go on. */
static void executor_on_down(struct node *node, const char *why, int status)
{
    struct container *c = node->context;
    struct node *agent = &c->machine->agent;
    int64_t left_ms = c->orphan_until_ms - node_wall_ms(agent);

    if (!c->is_alive)
        return;
    if (node_is_up(agent) || !c->is_runner_alive) {
        container_die(c, strcmp(why, "stop") == 0 ? status << 8 : SIGKILL);
        return;
    }
    container_at(c, c->orphan_until_ms != 0 && left_ms > 0 ? left_ms : 0,
                 on_orphan_over);
}

static const struct node_kind EXECUTOR_KIND = {.program = &EXECUTOR_PROGRAM,
                                               .begin = executor_begin,
                                               .end = executor_end,
                                               .act = executor_act,
                                               .on_down = executor_on_down};

/* --- its life --- */

static const char *variable(const struct agent_launch *launch, const char *name)
{
    size_t size = strlen(name);

    for (const char *const *entry = launch->envp; *entry != NULL; entry++)
        if (strncmp(*entry, name, size) == 0 && (*entry)[size] == '=')
            return *entry + size + 1;
    return NULL;
}

static int64_t duration(const struct agent_launch *launch, const char *name,
                        int64_t other_ms)
{
    const char *text = variable(launch, name);
    int64_t ms = other_ms;

    if (text != NULL && text_duration_ms(text, &ms, NULL) < 0)
        return other_ms;
    return ms;
}

static void on_fork(struct world *w, struct event *event)
{
    struct container *c = ((struct container_event *)event)->container;

    (void)w;
    if (!c->is_alive || c->executor.self != NULL || c->executor.life > 0)
        return;
    node_start(&c->executor);
}

struct container *container_new(struct machine *m,
                                const struct agent_launch *launch)
{
    struct container *c = xcalloc(1, sizeof *c);
    const char *checkpoint = variable(launch, "MESOS_CHECKPOINT");
    char name[NODE_NAME_MAX];

    (void)snprintf(c->id, sizeof c->id, "%s", launch->container_id);
    (void)snprintf(name, sizeof name, "x%u.%u", m->number, ++m->launches);
    c->machine = m;
    c->is_alive = true;
    c->kill_ms = INT64_MAX;
    c->agent_life = m->agent.life;
    c->pid = 1000 + m->launches;
    c->launched_ms = m->agent.w->now_ms;
    c->endpoint = xstrdup(variable(launch, "MESOS_AGENT_ENDPOINT"));
    c->framework_id = xstrdup(variable(launch, "MESOS_FRAMEWORK_ID"));
    c->executor_id = xstrdup(variable(launch, "MESOS_EXECUTOR_ID"));
    c->recovery_ms =
        checkpoint != NULL && strcmp(checkpoint, "1") == 0
            ? duration(launch, "MESOS_RECOVERY_TIMEOUT", 15 * MINUTE)
            : 0;
    c->backoff_ms =
        duration(launch, "MESOS_SUBSCRIPTION_BACKOFF_MAX", 2 * SECOND);
    c->grace_ms =
        duration(launch, "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", 5 * SECOND);
    node_init(&c->executor, m->agent.w, &EXECUTOR_KIND, name, "", c);
    (void)snprintf(c->executor.host, sizeof c->executor.host, "%s",
                   m->agent.host);
    c->executor.clock_off_ms = m->agent.clock_off_ms;
    *vec_add(&m->containers) = c;
    return c;
}

static void on_destroy(struct world *w, struct event *event)
{
    struct container *c = ((struct container_event *)event)->container;

    (void)w;
    if (!c->is_alive)
        return;
    container_die(c, SIGKILL);
    node_crash(&c->executor, "destroyed");
}

void container_start(struct container *c)
{
    container_tell_pid(c, AGENT_FACT_STARTED);
    container_at(c, world_between(c->executor.w, 1, 30), on_fork);
}

void container_destroy(struct container *c)
{
    c->is_destroyed = true;
    container_at(c, world_between(c->executor.w, 0, 50), on_destroy);
}

void container_free(struct container *c)
{
    node_release(&c->executor);
    free(c->endpoint);
    free(c->framework_id);
    free(c->executor_id);
    free(c);
}
