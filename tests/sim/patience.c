#include "tests/sim/patience.h"

#include "aurora/core/aurora.h"
#include "aurora/program.h"

/* Our own words: the master did not say that it is lost. */
static bool gave_up(const struct task_event *event)
{
    return event->state == TASK_LOST && event->message &&
           bytes_equal_text(blob_bytes(event->message),
                            "its agent is unreachable");
}

bool patience_was_short(const struct aurora_program *aurora,
                        const char *task_id)
{
    const struct task *task = aurora ? aurora_task(aurora_program_core(aurora),
                                                   bytes_of_text(task_id))
                                     : NULL;
    uint32_t n = task ? task->events.count : 0;

    if (n < 2 || !gave_up(&task->events.item[n - 1]) ||
        task->events.item[n - 2].state != TASK_PARTITIONED)
        return false;
    return task->config->partition_ms < 0 ||
           task->events.item[n - 1].at_ms - task->events.item[n - 2].at_ms <
               task->config->partition_ms;
}

struct bytes patience_was_long(const struct aurora_program *aurora,
                               int64_t now_ms)
{
    const struct aurora *a = aurora_program_core(aurora);

    if (aurora_next_ms(a) <= now_ms) /* it has not had its turn yet */
        return (struct bytes){0};
    for (uint32_t i = 0; i < a->keeps.count; i++)
        if (a->keeps.item[i].until_ms < now_ms)
            return blob_bytes(a->keeps.item[i].task->id);
    return (struct bytes){0};
}
