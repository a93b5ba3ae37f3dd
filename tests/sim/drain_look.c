#include "tests/sim/drain_look.h"

#include "aurora/core/aurora.h"
#include "aurora/program.h"

#include <stdio.h>
#include <string.h>

enum drain_look_mode drain_look_mode(const struct aurora_program *aurora,
                                     const char *host)
{
    const struct maintenance *m =
        aurora_maintenance(aurora_program_core(aurora), host);

    if (m == NULL || m->mode < MAINTENANCE_DRAINING)
        return DRAIN_LOOK_NONE;
    return m->mode == MAINTENANCE_DRAINED ? DRAIN_LOOK_DRAINED
                                          : DRAIN_LOOK_DRAINING;
}

uint64_t drain_look_count(const struct aurora_program *aurora)
{
    return aurora_program_core(aurora)->maintenances.drained;
}

const char *drain_look_left(const struct aurora_program *aurora)
{
    const struct maintenance *m =
        aurora_program_core(aurora)->maintenances.by_name;

    return m ? m->name : NULL;
}

/* --- windows of the master --- */

static bool has_running(const struct host *host)
{
    for (const struct task *t = host->first_task; t; t = t->host_next)
        if (t->state == TASK_RUNNING)
            return true;
    return false;
}

const char *drain_look_late(const struct aurora_program *aurora, int64_t now_ms)
{
    const struct hosts *hosts = &aurora_program_core(aurora)->hosts;

    for (uint32_t i = 0; i < hosts->in_order.count; i++) {
        const struct host *host = hosts->in_order.item[i];
        if (host->away_from_ms > 0 && now_ms >= host->away_from_ms &&
            now_ms < host->away_until_ms && has_running(host))
            return host->hostname;
    }
    return NULL;
}

const char *drain_look_away(const struct aurora_program *aurora)
{
    const struct hosts *hosts = &aurora_program_core(aurora)->hosts;

    for (uint32_t i = 0; i < hosts->in_order.count; i++) {
        const struct host *host = hosts->in_order.item[i];
        if (host->away_from_ms > 0 && (host->offers || host->tasks > 0))
            return host->hostname;
    }
    return NULL;
}

/* --- policies --- */

static bool was_forced(const struct task *task)
{
    const struct blob *message =
        task->events.item[task->events.count - 1].message;
    static const char words[] = "no more time to ask";

    return message && memmem(message->data, message->size, words,
                             sizeof words - 1) != NULL;
}

struct look {
    const struct aurora *a;
    int64_t now_ms;
    drain_heard *heard;
    void *context;
};

static bool is_heard_of(const struct look *look, const struct task *task)
{
    char id[256];

    (void)snprintf(id, sizeof id, "%.*s", (int)task->id->size,
                   (const char *)task->id->data);
    return look->heard(look->context, id);
}

/* The doubt about what changed in the same moment is the drain's: it may have
 * been after it. */
static bool is_there(const struct look *look, const struct task *task,
                     int64_t duration_ms)
{
    int64_t since_ms = task_since_ms(task);

    if (task->state != TASK_RUNNING)
        return since_ms >= look->now_ms && task->state != TASK_DRAINING;
    return look->now_ms - since_ms > duration_ms && is_heard_of(look, task);
}

static uint32_t spared(const struct sla_policy *policy, uint32_t active)
{
    uint64_t stay =
        policy->kind == SLA_COUNT
            ? policy->count
            : ((uint64_t)policy->percentage_milli * active + SLA_WHOLE - 1) /
                  SLA_WHOLE;
    return stay >= active ? 1 : active - (uint32_t)stay;
}

static bool breaks(const struct look *look, const struct task *victim,
                   char *out, size_t size)
{
    const struct aurora *a = look->a;
    int64_t now_ms = look->now_ms;
    const struct maintenance *m = maintenance_of_host(a, victim->host);
    const struct job *job = victim->job;
    struct sla_policy policy = victim->config->sla;
    uint32_t active = 0, there = 0;

    if (policy.kind == SLA_NONE && m != NULL)
        policy = m->policy;
    if ((policy.kind != SLA_COUNT && policy.kind != SLA_PERCENTAGE) ||
        (job->update && update_is_surge(job->update)))
        return false;
    for (const struct task *t = job->active.first; t; t = t->next) {
        if (t->state == TASK_KILLING && task_since_ms(t) < now_ms)
            continue;
        if (t->state == TASK_DRAINING && task_since_ms(t) >= now_ms &&
            was_forced(t))
            return false;
        active++;
        there += is_there(look, t, policy.duration_ms);
    }
    if (active < a->limits.sla.instances_min ||
        active - there <= spared(&policy, active))
        return false;
    (void)snprintf(out, size, "%.*s is drained: of %u instances %u are there",
                   (int)victim->id->size, (const char *)victim->id->data,
                   active, there);
    return true;
}

bool drain_look_broke(const struct aurora_program *aurora, int64_t now_ms,
                      drain_heard *heard, void *context, char *out, size_t size)
{
    const struct aurora *a = aurora_program_core(aurora);
    struct look look = {a, now_ms, heard, context};

    for (uint32_t i = 0; i < a->hosts.in_order.count; i++)
        for (const struct task *t = a->hosts.in_order.item[i]->first_task; t;
             t = t->host_next)
            if (t->state == TASK_DRAINING && task_since_ms(t) >= now_ms &&
                !was_forced(t) && breaks(&look, t, out, size))
                return true;
    return false;
}
