#include "tests/sim/broken_look.h"

#include "aurora/core/aurora.h"
#include "aurora/program.h"

#include <string.h>

enum { QUICKLY_MS = 50 * 1000 }; /* less than the rule's own minute */

void broken_look(const struct aurora_program *aurora, const char *name,
                 struct broken_look *out)
{
    const struct aurora *a = aurora_program_core(aurora);

    *out = (struct broken_look){.hosts = a->hosts.in_order.count,
                                .others = a->hosts_in_trouble};
    for (uint32_t i = 0; i < a->hosts.in_order.count; i++) {
        const struct host *host = a->hosts.in_order.item[i];
        const struct trouble *t = &host->trouble;
        /* A machine that was replaced comes back as another agent. */
        if (strcmp(host->hostname, name) != 0 || host->is_lost)
            continue;
        out->is_known = true;
        out->is_in_trouble |= t->state != TROUBLE_NONE;
        out->others -= t->state != TROUBLE_NONE;
        if (t->state == TROUBLE_AVOIDED)
            out->avoided_ms = t->until_ms - t->delay_ms;
    }
}

int64_t broken_look_placed_ms(const struct aurora_program *aurora,
                              const char *task_id)
{
    const struct task *task =
        aurora_task(aurora_program_core(aurora), bytes_of_text(task_id));

    for (uint32_t i = 0; task && i < task->events.count; i++)
        if (task->events.item[i].state == TASK_ASSIGNED)
            return task->events.item[i].at_ms;
    return -1;
}

bool broken_look_counts(const struct aurora_program *aurora,
                        const char *task_id, int64_t now_ms)
{
    const struct task *task =
        aurora_task(aurora_program_core(aurora), bytes_of_text(task_id));
    int64_t placed_ms = broken_look_placed_ms(aurora, task_id);

    return task && placed_ms >= 0 && now_ms - placed_ms < QUICKLY_MS &&
           now_ms >= placed_ms &&
           (task->state == TASK_ASSIGNED || task->state == TASK_STARTING ||
            task->state == TASK_RUNNING) &&
           !task_was(task, TASK_PARTITIONED);
}
