/* From stored records back to a state, and what becomes of the containers that
 * ran when the agent died. */
#include "agent/core/core.h"
#include "base/alloc.h"
#include <assert.h>
#include <string.h>

int agent_core_restore_executor(struct agent_core *core,
                                const struct agent_stored_executor *stored,
                                struct err *err)
{
    if (strlen(stored->container_id) >= UUID_TEXT_MAX ||
        agent_core_container(core, stored->container_id) != NULL)
        return err_set(err, ERR_DAMAGED, "executor record '%s': bad key",
                       stored->container_id);
    struct agent_framework *framework =
        agent_core_framework(core, stored->framework_id);
    if (framework == NULL)
        framework = agent_core_add_framework(core, stored->framework_id);
    if (agent_core_executor(framework, stored->head.id) != NULL)
        return err_set(err, ERR_DAMAGED,
                       "executor record '%s': executor '%s' of framework "
                       "'%s' is there twice",
                       stored->container_id, stored->head.id,
                       stored->framework_id);
    struct agent_executor *executor = agent_core_add_executor(
        core, framework, stored->head.id, stored->container_id);
    executor->info = blob_new(stored->head.info);
    resources_copy(&executor->resources, stored->head.resources);
    executor->is_command = stored->head.is_command;
    if (stored->head.grace_ms >= 0)
        executor->grace_ms = stored->head.grace_ms;
    executor->pid = stored->pid;
    executor->born = stored->born;
    if (stored->is_ending)
        executor->state = AGENT_EXECUTOR_TERMINATING;
    if (stored->is_terminated)
        agent_core_end_executor(core, executor);
    return 0;
}

int agent_core_restore_task(struct agent_core *core,
                            const struct agent_stored_task *stored,
                            struct err *err)
{
    struct agent_executor *executor =
        agent_core_container(core, stored->container_id);
    if (executor == NULL)
        return err_set(err, ERR_DAMAGED,
                       "task record '%s/%s': no such container",
                       stored->container_id, stored->head.id);
    if (agent_core_task(executor->framework, stored->head.id) != NULL)
        return err_set(err, ERR_DAMAGED, "task record '%s/%s': there twice",
                       stored->container_id, stored->head.id);
    struct agent_task *task =
        agent_core_add_task(core, executor, stored->head.id);
    task->info = blob_new(stored->head.info);
    resources_copy(&task->resources, stored->head.resources);
    task->is_killed = stored->is_killed;
    task->grace_ms = stored->grace_ms;
    return 0;
}

int agent_core_restore_update(struct agent_core *core,
                              const struct agent_stored_update *stored,
                              struct err *err)
{
    struct agent_executor *executor =
        agent_core_container(core, stored->container_id);
    struct agent_task *task =
        executor ? agent_core_task(executor->framework, stored->task_id) : NULL;
    if (task == NULL || task->executor != executor ||
        stored->sequence < task->next_sequence)
        return err_set(err, ERR_DAMAGED,
                       "update record '%s/%s/%llu': belongs to nothing",
                       stored->container_id, stored->task_id,
                       (unsigned long long)stored->sequence);
    struct agent_update *update = xcalloc(1, sizeof *update);
    update->task = task;
    update->sequence = stored->sequence;
    update->uuid = stored->uuid;
    update->state = stored->state;
    update->reason = AGENT_REASON_NONE;
    update->status = blob_new(stored->status);
    update->is_acknowledged = stored->is_acknowledged;
    *vec_add(&task->updates) = update;
    task->next_sequence = stored->sequence + 1;
    task->state = stored->state;
    if (stored->is_acknowledged)
        task->acknowledged = task->updates.count;
    return 0;
}

/* Look for it; give it the time to come back. */
static void look_for(struct agent_core *core, struct agent_executor *executor,
                     int64_t now_ms, struct agent_effects *fx)
{
    bool was_launched = false;
    for (uint32_t i = 0; i < executor->tasks.count; i++) {
        struct agent_task *task = executor->tasks.item[i];
        task->is_launched = task->state != AGENT_TASK_STAGING;
        was_launched |= task->is_launched;
    }
    if (executor->state == AGENT_EXECUTOR_STARTING && was_launched)
        executor->state = AGENT_EXECUTOR_RUNNING;
    executor->is_recovering = true;
    executor->silent_at_ms = now_ms + core->times.reregistration;
    heap_push(&core->timers, executor->silent_at_ms, AGENT_TIMER_SILENCE,
              executor->serial);
    agent_effect_add(
        fx, (struct agent_effect){.kind = AGENT_RECOVER, .executor = executor});
}

void agent_core_start(struct agent_core *core, int64_t now_ms,
                      struct agent_effects *fx)
{
    core->is_recovering = true;
    struct agent_framework *framework, *next;
    HASH_ITER(by_id, core->frameworks, framework, next)
    {
        for (uint32_t i = framework->executors.count; i-- > 0;) {
            struct agent_executor *executor = framework->executors.item[i];
            if (executor->state == AGENT_EXECUTOR_TERMINATED)
                agent_executor_settle(core, executor, fx);
            else
                look_for(core, executor, now_ms, fx);
        }
        if (framework->executors.count == 0 &&
            agent_core_framework(core, framework->id) == framework)
            agent_framework_settle(core, framework, fx);
    }
    agent_recovery_settle(core, fx);
}

void agent_core_alive(struct agent_core *core, const char *container_id,
                      int64_t pid, uint64_t born, struct agent_effects *fx)
{
    agent_core_clear_graves(core);
    struct agent_executor *executor = agent_core_container(core, container_id);
    if (executor == NULL || executor->state == AGENT_EXECUTOR_TERMINATED)
        return;
    if (executor->pid != pid || executor->born != born) {
        executor->pid = pid;
        executor->born = born;
        agent_effect_add(fx, (struct agent_effect){.kind = AGENT_SAVE_EXECUTOR,
                                                   .executor = executor});
    }
    /* It was told to end before; there is no telling how much of its grace
     * is left. */
    if (executor->state == AGENT_EXECUTOR_TERMINATING)
        agent_executor_destroy(core, executor, AGENT_TASK_KILLED,
                               AGENT_REASON_NONE, NULL, fx);
}

void agent_recovery_settle(struct agent_core *core, struct agent_effects *fx)
{
    if (!core->is_recovering)
        return;
    const struct agent_executor *executor = core->executors_by_serial;
    for (; executor != NULL; executor = executor->by_serial.next)
        if (executor->is_recovering)
            return;
    core->is_recovering = false;
    agent_effect_add(fx, (struct agent_effect){.kind = AGENT_RECOVERED});
}
