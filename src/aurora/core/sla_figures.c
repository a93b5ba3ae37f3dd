#include "aurora/core/sla_figures.h"
#include "aurora/core/sla.h"
#include "aurora/core/task.h"

#include <stdlib.h>

static bool is_on(const struct task *task, const struct host *const *host,
                  uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (task->host == host[i])
            return true;
    return false;
}

static int64_t uptime_of(const struct task *task, int64_t now_ms)
{
    int64_t up_ms;

    if (task->state != TASK_RUNNING)
        return 0;
    up_ms = now_ms - task_since_ms(task);
    return up_ms > 0 ? up_ms : 0;
}

static int by_time(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

    return (a > b) - (a < b);
}

void sla_uptimes_of(const struct job *job, const struct host *const *without,
                    uint32_t without_count, int64_t now_ms,
                    struct sla_uptimes *out)
{
    *out = (struct sla_uptimes){0};
    for (const struct task *t = job->active.first; t; t = t->next)
        if (t->state != TASK_KILLING && !is_on(t, without, without_count))
            *vec_add(out) = uptime_of(t, now_ms);
    if (out->count > 0)
        qsort(out->item, out->count, sizeof *out->item, by_time);
}

uint32_t sla_up_for(const struct sla_uptimes *uptimes, int64_t duration_ms)
{
    uint32_t at = uptimes->count;

    while (at > 0 && uptimes->item[at - 1] >= duration_ms)
        at--;
    return uptimes->count - at;
}

int64_t sla_uptime_at(const struct sla_uptimes *uptimes,
                      uint32_t percentile_milli)
{
    uint64_t up = (uint64_t)percentile_milli * uptimes->count / SLA_WHOLE;

    if (up >= uptimes->count)
        return 0;
    return uptimes->item[uptimes->count - up - 1];
}

uint32_t sla_percentage(uint32_t part, uint32_t whole)
{
    return whole == 0 ? SLA_WHOLE
                      : (uint32_t)((uint64_t)part * SLA_WHOLE / whole);
}

/* --- what if hosts went --- */

static int by_key(const void *x, const void *y)
{
    const struct sla_probe *a = x, *b = y;

    return job_key_compare(&a->job->key, &b->job->key);
}

/* Equal neighbours become one. */
static void fold(struct sla_probes *probes)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < probes->count; i++)
        if (count > 0 && probes->item[count - 1].job == probes->item[i].job)
            probes->item[count - 1].here++;
        else
            probes->item[count++] = probes->item[i];
    probes->count = count;
}

static void look(struct sla_probe *probe, const struct host *const *host,
                 uint32_t count, int64_t duration_ms, int64_t now_ms)
{
    for (const struct task *t = probe->job->active.first; t; t = t->next) {
        if (t->state == TASK_KILLING)
            continue;
        probe->active++;
        probe->up += !is_on(t, host, count) && t->state == TASK_RUNNING &&
                     uptime_of(t, now_ms) >= duration_ms;
    }
}

void sla_probe_hosts(const struct host *const *host, uint32_t count,
                     int64_t duration_ms, int64_t now_ms,
                     struct sla_probes *out)
{
    *out = (struct sla_probes){0};
    for (uint32_t i = 0; i < count; i++)
        for (const struct task *t = host[i]->first_task; t; t = t->host_next)
            if (t->state != TASK_KILLING)
                *vec_add(out) = (struct sla_probe){.job = t->job, .here = 1};
    if (out->count > 0)
        qsort(out->item, out->count, sizeof *out->item, by_key);
    fold(out);
    for (uint32_t i = 0; i < out->count; i++)
        look(&out->item[i], host, count, duration_ms, now_ms);
}

int64_t sla_safe_in_ms(const struct sla_probe *probe,
                       const struct host *const *host, uint32_t count,
                       uint32_t wanted_milli, int64_t duration_ms,
                       int64_t now_ms)
{
    uint64_t wanted =
        ((uint64_t)wanted_milli * probe->active + SLA_WHOLE - 1) / SLA_WHOLE;
    struct sla_uptimes uptimes;
    int64_t left_ms = -1;

    if (wanted == 0)
        return 0;
    sla_uptimes_of(probe->job, host, count, now_ms, &uptimes);
    if (wanted <= uptimes.count && uptimes.item[uptimes.count - wanted] > 0) {
        left_ms = duration_ms - uptimes.item[uptimes.count - wanted];
        left_ms = left_ms > 0 ? left_ms : 0;
    }
    vec_free(&uptimes);
    return left_ms;
}
