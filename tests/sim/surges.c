#include "tests/sim/surges.h"

#include "aurora/core/aurora.h"
#include "aurora/program.h"

static bool lives_on(const struct aurora *a, const char *task_id)
{
    const struct task *task = aurora_task(a, bytes_of_text(task_id));

    return task && task_machine_is_active(task->state) &&
           task->state != TASK_KILLING;
}

bool surge_explains(const struct aurora_program *aurora,
                    const struct surging *one, const struct surging *other)
{
    const struct aurora *a;

    if (!aurora)
        return true;
    a = aurora_program_core(aurora);
    return !lives_on(a, one->task_id) || !lives_on(a, other->task_id) ||
           one->version != other->version;
}
