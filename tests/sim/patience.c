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
