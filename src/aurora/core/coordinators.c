#include "aurora/core/coordinators.h"

#include "aurora/core/internal.h"

#include <string.h>

static bool is_taken(const struct aurora *a, const char *url)
{
    for (uint32_t i = 0; i < a->coordinations.count; i++)
        if (strcmp(a->coordinations.item[i].config->sla.url, url) == 0)
            return true;
    return a->coordinations.count >= COORDINATORS_MAX;
}

bool coordinators_asked(const struct aurora *a, const struct task *task)
{
    for (uint32_t i = 0; i < a->coordinations.count; i++)
        if (a->coordinations.item[i].task == task->number)
            return true;
    return false;
}

bool coordinators_ask(struct aurora *a, struct job_config *config,
                      const struct task *task)
{
    struct coordinations *c = &a->coordinations;

    if (is_taken(a, config->sla.url)) {
        c->skipped++;
        return false;
    }
    *vec_add(c) = (struct coordination){.ticket = ++c->next_ticket,
                                        .task = task->number,
                                        .config = job_config_ref(config)};
    c->asked++;
    *vec_add(&a->work.coordinations) = c->next_ticket;
    return true;
}

const struct coordination *aurora_coordination(const struct aurora *a,
                                               uint64_t ticket)
{
    for (uint32_t i = 0; i < a->coordinations.count; i++)
        if (a->coordinations.item[i].ticket == ticket)
            return &a->coordinations.item[i];
    return NULL;
}

void aurora_coordinated(struct aurora *a, uint64_t ticket, bool may_end,
                        int64_t now_ms)
{
    const struct coordination *found = aurora_coordination(a, ticket);
    struct task *task;

    if (!found)
        return;
    task = aurora_task_by_number(a, found->task);
    job_config_unref(found->config);
    vec_remove(&a->coordinations, (uint32_t)(found - a->coordinations.item));
    a->coordinations.refused += !may_end;
    if (task && task->drain_wait == DRAIN_WAITS_FOR_ANSWER)
        maintenance_coordinated(a, task, may_end, now_ms);
    else if (task)
        updater_coordinated(a, task, may_end, now_ms);
    if (a->maintenances.wake_ms > 0)
        maintenance_wake(a, now_ms); /* it may be another one's turn */
    updater_go_on(a, now_ms);
}

void coordinators_release(struct aurora *a)
{
    for (uint32_t i = 0; i < a->coordinations.count; i++)
        job_config_unref(a->coordinations.item[i].config);
    vec_free(&a->coordinations);
}
