#include "tests/sim/machine.h"
#include "tests/sim/cluster.h"
#include "tests/sim/container.h"

#include "agent/acts.h"
#include "executor/thermos/program.h"
#include "wire/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND };

static void tell_failed(struct node *agent, const char *container_id)
{
    struct agent_failed fact = {0};

    (void)snprintf(fact.container_id, sizeof fact.container_id, "%s",
                   container_id);
    (void)snprintf(fact.text, sizeof fact.text,
                   "Failed to launch container: no luck");
    node_fact_later(agent, world_between(agent->w, 0, 500), AGENT_FACT_FAILED,
                    &fact, sizeof fact, "FAILED");
}

/* --- containers --- */

static struct container *find(const struct machine *m, const char *id)
{
    for (uint32_t i = m->containers.count; i-- > 0;)
        if (strcmp(m->containers.item[i]->id, id) == 0)
            return m->containers.item[i];
    return NULL;
}

static void launch(struct machine *m, const struct agent_launch *launch)
{
    struct world *w = m->agent.w;

    world_note(w, m->agent.name, "launch", 0, bytes_of_text(""),
               "%s %s cpus %lld mem %lld", launch->container_id, launch->user,
               (long long)launch->cpu_milli, (long long)launch->mem_bytes);
    if (find(m, launch->container_id) != NULL)
        world_fail(w, "%s: container %s is launched twice", m->agent.name,
                   launch->container_id);
    if (!w->is_quiet && world_once_in(w, 100)) {
        tell_failed(&m->agent, launch->container_id);
        return;
    }
    container_start(container_new(m, launch));
}

static void destroy(struct machine *m, const struct agent_destroy *act)
{
    struct container *c = find(m, act->container_id);

    world_note(m->agent.w, m->agent.name, "destroy", 0, bytes_of_text(""), "%s",
               act->container_id);
    if (c == NULL || !c->is_alive || c->is_destroyed)
        return; /* its end is on the way */
    container_destroy(c);
}

/* What a new life of the agent asks about each container it remembers. */
static void recover(struct machine *m, const struct agent_recover *act)
{
    struct container *c = find(m, act->container_id);

    world_note(m->agent.w, m->agent.name, "recover", 0, bytes_of_text(""),
               "%s pid %lld rebooted %d", act->container_id,
               (long long)act->pid, (int)act->rebooted);
    if (c != NULL && c->is_alive && !act->rebooted &&
        (c->executor.life == 0 || c->executor.self != NULL)) {
        container_tell_pid(c, AGENT_FACT_ALIVE);
        return;
    }
    if (c != NULL && c->is_alive) {
        container_die(c, -1);
        node_crash(&c->executor, "destroyed");
        return;
    }
    struct agent_exited fact = {0};
    (void)snprintf(fact.container_id, sizeof fact.container_id, "%s",
                   act->container_id);
    node_fact_later(&m->agent, world_between(m->agent.w, 0, 20),
                    AGENT_FACT_EXITED, &fact, sizeof fact, "EXITED unseen");
}

static void agent_act(struct node *node, uint32_t kind, const void *data)
{
    struct machine *m = node->context;

    switch ((enum agent_act)kind) {
    case AGENT_ACT_LAUNCH:
        launch(m, data);
        break;
    case AGENT_ACT_DESTROY:
        destroy(m, data);
        break;
    case AGENT_ACT_RECOVER:
        recover(m, data);
        break;
    case AGENT_ACT_LIMIT: {
        const struct agent_limit *limit = data;
        world_note(node->w, node->name, "limit", 0, bytes_of_text(""),
                   "%s cpus %lld mem %lld", limit->container_id,
                   (long long)limit->cpu_milli, (long long)limit->mem_bytes);
        break;
    }
    case AGENT_ACT_SWEEP:
        break;
    }
}

/* --- the agent --- */

static void *agent_begin(struct node *node)
{
    struct machine *m = node->context;
    char boot_id[32];

    (void)snprintf(boot_id, sizeof boot_id, "boot-%u-%u", m->number, m->boots);
    return agent_program_new(&(struct agent_options){
        .master = cluster_master_address(m->cluster),
        .ip = node->host,
        .port = 5051,
        .hostname = node->host,
        .work_dir = "/var/lib/perigee",
        .executor = "/usr/bin/thermos",
        .boot_id = boot_id,
        .switch_user = true,
        .resources = &m->total,
        .attributes = &m->attributes,
        .seed = node->seed + node->life,
        .executor_registration_timeout_ms = MINUTE,
        .executor_reregistration_timeout_ms = 2 * SECOND,
        .executor_shutdown_grace_ms = 5 * SECOND,
        .recovery_timeout_ms = 15 * MINUTE,
        .gc_delay_ms = INT64_C(7) * 24 * 60 * MINUTE});
}

static void agent_end(void *self)
{
    agent_program_free(self);
}

static void agent_on_down(struct node *node, const char *why, int status)
{
    struct machine *m = node->context;

    (void)status;
    if (!m->is_dead)
        cluster_on_down(m->cluster, node, why);
}

static const struct node_kind AGENT_KIND = {.program = &AGENT_PROGRAM,
                                            .begin = agent_begin,
                                            .end = agent_end,
                                            .act = agent_act,
                                            .on_down = agent_on_down};

void machine_init(struct machine *m, struct cluster *cluster, uint32_t number,
                  const char *resources)
{
    char name[NODE_NAME_MAX], address[ADDRESS_MAX], attributes[64];
    struct err err = {0};

    *m = (struct machine){.cluster = cluster, .number = number};
    (void)snprintf(name, sizeof name, "agent%u", number);
    (void)snprintf(address, sizeof address, "10.0.1.%u:5051", number);
    (void)snprintf(attributes, sizeof attributes, "host:agent-%u;rack:r%u",
                   number, number % 2);
    if (resources_parse(resources, "*", &m->total, &err) < 0 ||
        attributes_parse(attributes, &m->attributes, &err) < 0)
        world_fail(cluster->w, "machine %u: %s", number, err.text);
    node_init(&m->agent, cluster->w, &AGENT_KIND, name, address, m);
}

void machine_release(struct machine *m)
{
    node_release(&m->agent);
    for (uint32_t i = 0; i < m->containers.count; i++)
        container_free(m->containers.item[i]);
    for (uint32_t i = 0; i < m->runs.count; i++) {
        struct run *run = m->runs.item[i];
        resources_release(&run->resources);
        free(run->task_id);
        free(run->instance);
        free(run);
    }
    vec_free(&m->containers);
    vec_free(&m->runs);
    resources_release(&m->total);
    attributes_release(&m->attributes);
}

/* --- faults --- */

void machine_reboot(struct machine *m)
{
    m->boots++;
    node_crash(&m->agent, "reboot");
    for (uint32_t i = 0; i < m->containers.count; i++) {
        struct container *c = m->containers.item[i];
        if (!c->is_alive)
            continue;
        container_run_end(c, THERMOS_KILLED);
        c->is_alive = false;
        c->is_runner_alive = false;
        node_crash(&c->executor, "reboot");
    }
}

void machine_replace(struct machine *m)
{
    machine_reboot(m);
    disk_release(&m->agent.disk);
    disk_init(&m->agent.disk);
    m->agent.last_batch = 0;
    cluster_on_disk_lost(m->cluster, m);
}

void machine_die(struct machine *m)
{
    m->is_dead = true;
    m->agent.is_buried = true;
    machine_reboot(m);
    cluster_on_disk_lost(m->cluster, m);
}

uint32_t machine_alive(const struct machine *m)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < m->containers.count; i++)
        count += m->containers.item[i]->is_alive;
    return count;
}

int64_t machine_free_cpu(const struct machine *m)
{
    enum { EXECUTOR = 10 };
    int64_t cpu = resources_scalar(&m->total, "cpus") - EXECUTOR;

    for (uint32_t i = 0; i < m->runs.count; i++)
        if (m->runs.item[i]->ended_ms == 0)
            cpu -= resources_scalar(&m->runs.item[i]->resources, "cpus") +
                   EXECUTOR;
    return cpu;
}

static struct container *pick(struct machine *m)
{
    uint32_t alive = machine_alive(m);

    if (alive == 0)
        return NULL;
    uint32_t at = (uint32_t)rng_below(&m->agent.w->rng, alive);
    for (uint32_t i = 0;; i++)
        if (m->containers.item[i]->is_alive && at-- == 0)
            return m->containers.item[i];
}

void machine_crash_executor(struct machine *m)
{
    struct container *c = pick(m);

    if (c != NULL)
        node_crash(&c->executor, "crash");
}

void machine_pause_executor(struct machine *m, int64_t for_ms)
{
    struct container *c = pick(m);

    if (c != NULL)
        node_pause(&c->executor, for_ms);
}

void machine_crash_runner(struct machine *m)
{
    struct container *c = pick(m);

    if (c == NULL || !c->is_runner_alive || c->executor.self == NULL)
        return;
    world_note(m->agent.w, c->executor.name, "runner", c->runner,
               bytes_of_text(""), "%s", "crashes");
    container_runner_dies(c);
}
