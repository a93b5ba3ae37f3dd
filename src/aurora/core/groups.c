/* Groups of equal tasks that wait, highest priority first; groups of one
 * priority take turns. */
#include "aurora/core/internal.h"
#include "aurora/core/placer_classes.h"

#include <assert.h>

static void list_insert(struct aurora *a, struct job_config *config)
{
    struct job_config *before = a->group_last;

    while (before && before->priority < config->priority)
        before = before->group_prev;
    config->group_prev = before;
    config->group_next = before ? before->group_next : a->group_first;
    if (config->group_next)
        config->group_next->group_prev = config;
    else
        a->group_last = config;
    if (before)
        before->group_next = config;
    else
        a->group_first = config;
}

static void list_remove(struct aurora *a, struct job_config *config)
{
    if (config->group_prev)
        config->group_prev->group_next = config->group_next;
    else
        a->group_first = config->group_next;
    if (config->group_next)
        config->group_next->group_prev = config->group_prev;
    else
        a->group_last = config->group_prev;
    config->group_prev = config->group_next = NULL;
}

void group_add(struct aurora *a, struct task *task)
{
    struct job_config *config = task->config;

    if (config->waiting_count++ == 0) {
        config->tried = 0;
        list_insert(a, config);
    }
    task->waiting_prev = config->waiting_last;
    task->waiting_next = NULL;
    if (config->waiting_last)
        config->waiting_last->waiting_next = task;
    else
        config->waiting_first = task;
    config->waiting_last = task;
    a->waiting_count++;
    a->place_wanted = true;
}

void group_remove(struct aurora *a, struct task *task)
{
    struct job_config *config = task->config;

    keeps_drop(a, task);
    if (task->waiting_prev)
        task->waiting_prev->waiting_next = task->waiting_next;
    else
        config->waiting_first = task->waiting_next;
    if (task->waiting_next)
        task->waiting_next->waiting_prev = task->waiting_prev;
    else
        config->waiting_last = task->waiting_prev;
    task->waiting_prev = task->waiting_next = NULL;
    assert(config->waiting_count > 0 && a->waiting_count > 0);
    a->waiting_count--;
    if (--config->waiting_count > 0)
        return;
    list_remove(a, config);
    class_verdicts_free(config->classes);
    config->classes = NULL;
}

void group_rotate(struct aurora *a, struct job_config *config)
{
    if (config->waiting_count == 0)
        return;
    list_remove(a, config);
    list_insert(a, config);
}

void group_retry(struct aurora *a, struct job *job)
{
    if (job->limits.count == 0)
        return; /* nobody counts its tasks */
    job->departures++;
    a->place_wanted |= a->waiting_count > 0;
}
