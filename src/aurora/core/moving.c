#include "aurora/core/moving.h"
#include "aurora/core/placer.h"

#include <stdlib.h>
#include <string.h>

static bool equal(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static int by_instance(const void *x, const void *y)
{
    const struct moving_task *a = x, *b = y;

    if (a->task->instance != b->task->instance)
        return a->task->instance < b->task->instance ? -1 : 1;
    return a->task->number < b->task->number ? -1 : 1;
}

/* Before hosts are looked at: who might have to move does. A task that has no
 * host yet waits for one by the new constraints. */
static enum moving first_guess(const struct task *task,
                               const struct job_config *config)
{
    if (equal(task->config->runs_id, config->runs_id))
        return MOVING_SAME;
    if (!equal(task->config->stands_id, config->stands_id))
        return MOVING_RESTART;
    return task->host ? MOVING_MOVES : MOVING_STAYS;
}

bool moving_awaits(const struct task *task, const struct job_config *config)
{
    return task->state != TASK_KILLING &&
           first_guess(task, config) == MOVING_MOVES &&
           placer_awaits(task->host, config);
}

/* One more that stays makes room for others where tasks are to be spread
 * evenly, so they are looked at until nothing changes. */
static bool keep_some(const struct job_config *config,
                      const struct hosts *hosts, const struct moving_list *list,
                      struct limit_counts *counts)
{
    bool has_kept = false;

    for (uint32_t i = 0; i < list->count; i++) {
        struct moving_task *t = &list->item[i];
        if (t->what != MOVING_MOVES ||
            !placer_suits(t->task->host, config, counts))
            continue;
        t->what = MOVING_STAYS;
        limit_counts_add(counts, hosts, t->task->host);
        has_kept = true;
    }
    return has_kept;
}

void moving_list_of(const struct job *job, const struct job_config *config,
                    const struct hosts *hosts, struct moving_list *out)
{
    struct limit_counts counts = {0};

    limit_counts_prepare(&counts, NULL, config, hosts);
    for (struct task *t = job->active.first; t; t = t->next)
        if (t->state != TASK_KILLING)
            *vec_add(out) = (struct moving_task){t, first_guess(t, config)};
    if (out->count > 0)
        qsort(out->item, out->count, sizeof *out->item, by_instance);
    for (uint32_t i = 0; i < out->count; i++)
        if (out->item[i].what == MOVING_SAME && out->item[i].task->host)
            limit_counts_add(&counts, hosts, out->item[i].task->host);
    while (keep_some(config, hosts, out, &counts) && config->is_ordered)
        ;
    limit_counts_release(&counts);
}
