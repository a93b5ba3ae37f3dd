#include "aurora/core/keeps.h"
#include "aurora/core/internal.h"

#include <assert.h>

static bool fits_in(const struct job_config *config,
                    const struct job_config *room)
{
    const struct amounts *need = &config->need, *had = &room->need;

    return need->cpus <= had->cpus && need->mem <= had->mem &&
           need->disk <= had->disk && need->gpus <= had->gpus &&
           config->spare.cpus <= room->spare.cpus &&
           config->spare.mem <= room->spare.mem &&
           config->port_count <= room->port_count;
}

static struct host *host_for(struct aurora *a, const struct task *task,
                             const struct task *ancestor)
{
    struct job *job = task->job;

    if (!a->limits.keeps_places || a->keeps.count >= KEEPS_MAX ||
        !task_was(ancestor, TASK_RESTARTING) || !ancestor->placement ||
        !fits_in(task->config, ancestor->config))
        return NULL;
    struct host *host =
        hosts_find(&a->hosts, blob_bytes(ancestor->placement->agent_id));
    if (!host || host->is_avoided || host->is_closed || host->is_lost)
        return NULL;
    limit_counts_prepare(&job->limits, job, task->config, &a->hosts);
    return placer_suits(host, task->config, &job->limits) ? host : NULL;
}

void keeps_note_started(struct aurora *a, struct task *task,
                        const struct task *ancestor, int64_t now_ms)
{
    struct host *host = NULL;

    if (task->state == TASK_PENDING)
        host = host_for(a, task, ancestor);
    if (host)
        keeps_hold(a, task, host, now_ms);
}

void keeps_hold(struct aurora *a, struct task *task, struct host *host,
                int64_t now_ms)
{
    struct keep *keep = vec_add(&a->keeps);

    assert(a->keeps.count <= KEEPS_MAX && !task->is_kept);
    *keep = (struct keep){.number = ++a->next_keep,
                          .until_ms = now_ms + KEEP_MS,
                          .task = task,
                          .host = host};
    task->is_kept = true;
    task->config->kept_count++;
    hosts_keep(&a->hosts, host, &task->config->need, task->config->port_count);
    heap_push(&a->timers, keep->until_ms, TIMER_KEEP, keep->number);
    a->counters.keeps++;
}

struct keep keeps_take(struct aurora *a, uint32_t at)
{
    struct keep keep = a->keeps.item[at];
    struct job_config *config = keep.task->config;

    hosts_unkeep(&a->hosts, keep.host, &config->need, config->port_count);
    keep.task->is_kept = false;
    assert(config->kept_count > 0);
    config->kept_count--;
    vec_remove(&a->keeps, at);
    return keep;
}

void keeps_put_back(struct aurora *a, struct keep *keep)
{
    struct job_config *config = keep->task->config;

    hosts_keep(&a->hosts, keep->host, &config->need, config->port_count);
    keep->task->is_kept = true;
    config->kept_count++;
    keep->tried = keep->host->generation;
    *vec_add(&a->keeps) = *keep;
}

/* The task may go anywhere now. */
static void drop_at(struct aurora *a, uint32_t at)
{
    struct keep keep = keeps_take(a, at);

    keep.task->config->tried = 0;
    a->place_wanted = true;
}

void keeps_drop(struct aurora *a, struct task *task)
{
    for (uint32_t i = 0; task->is_kept && i < a->keeps.count; i++)
        if (a->keeps.item[i].task == task)
            drop_at(a, i);
}

void keeps_drop_host(struct aurora *a, const struct host *host)
{
    for (uint32_t i = a->keeps.count; i-- > 0;)
        if (a->keeps.item[i].host == host)
            drop_at(a, i);
}

void keeps_timer(struct aurora *a, uint64_t number)
{
    for (uint32_t i = 0; i < a->keeps.count; i++)
        if (a->keeps.item[i].number == number) {
            drop_at(a, i);
            return;
        }
}

void keeps_check(const struct aurora *a)
{
    int64_t kept = 0;

    for (uint32_t i = 0; i < a->hosts.in_order.count; i++)
        kept += a->hosts.in_order.item[i]->kept.cpus;
    for (uint32_t i = 0; i < a->keeps.count; i++)
        kept -= a->keeps.item[i].task->config->need.cpus;
    assert(kept == 0);
    for (uint32_t i = 0; i < a->keeps.count; i++) {
        const struct keep *keep = &a->keeps.item[i];
        assert(keep->task->is_kept && keep->task->state == TASK_PENDING);
        assert(keep->host->has_kept || keep->host->ports_kept > 0 ||
               keep->task->config->need.cpus == 0);
        assert(keep->task->config->kept_count > 0);
    }
}
