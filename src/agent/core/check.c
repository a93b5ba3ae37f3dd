/* Every invariant of the state, asserted. */
#include "agent/core/core.h"
#include <assert.h>
#include <string.h>

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
static void check_task(const struct agent_core *core,
                       const struct agent_task *task)
{
    const struct agent_framework *framework = task->executor->framework;
    assert(agent_core_task(framework, task->id) == task);
    struct agent_task *found = NULL;
    HASH_FIND(by_serial, core->tasks_by_serial, &task->serial,
              sizeof task->serial, found);
    assert(found == task);
    assert(task->info != NULL);
    assert(task->acknowledged <= task->updates.count);
    assert(task->updates.count - task->acknowledged <= AGENT_UPDATES_MAX + 1);
    uint64_t sequence = 0;
    for (uint32_t i = 0; i < task->updates.count; i++) {
        const struct agent_update *update = task->updates.item[i];
        assert(update->task == task);
        assert(update->sequence > sequence);
        sequence = update->sequence;
        assert(update->is_acknowledged == (i < task->acknowledged));
        /* a terminal state is the last one */
        assert(!agent_task_state_is_terminal(update->state) ||
               i + 1 == task->updates.count);
        if (i + 1 == task->updates.count)
            assert(task->state == update->state);
    }
    assert(sequence < task->next_sequence);
    /* what is terminal and acknowledged has left */
    assert(!agent_task_is_terminal(task) || agent_task_head(task) != NULL);
    resources_check(&task->resources);
}

static void check_executor(const struct agent_core *core,
                           const struct agent_executor *executor)
{
    bool is_live = executor->state != AGENT_EXECUTOR_TERMINATED;
    assert(agent_core_container(core, executor->container_id) == executor);
    assert((agent_core_executor(executor->framework, executor->id) ==
            executor) == is_live);
    assert(executor->info != NULL);
    assert(is_live || executor->tasks.count > 0);
    assert(is_live || executor->stream == 0);
    assert(is_live || !executor->is_recovering);
    assert(!executor->is_recovering || core->is_recovering);
    for (uint32_t i = 0; i < executor->tasks.count; i++) {
        const struct agent_task *task = executor->tasks.item[i];
        assert(task->executor == executor);
        assert(is_live || agent_task_is_terminal(task));
        check_task(core, task);
    }
}

void agent_core_check(const struct agent_core *core)
{
    uint32_t tasks = 0, executors = 0;
    const struct agent_framework *framework = core->frameworks;
    for (; framework != NULL; framework = framework->by_id.next) {
        assert(framework->info != NULL);
        assert(framework->executors.count > 0);
        uint32_t here = 0;
        for (uint32_t i = 0; i < framework->executors.count; i++) {
            const struct agent_executor *executor =
                framework->executors.item[i];
            assert(executor->framework == framework);
            check_executor(core, executor);
            here += executor->tasks.count;
        }
        assert(HASH_CNT(by_id, framework->tasks) == here);
        tasks += here;
        executors += framework->executors.count;
    }
    assert(core->task_count == tasks);
    assert(HASH_CNT(by_serial, core->tasks_by_serial) == tasks);
    assert(HASH_CNT(by_container, core->containers) == executors);
    assert(core->completed.count <= AGENT_COMPLETED_FRAMEWORKS_MAX);
}
