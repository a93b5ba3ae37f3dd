/* The orders of the master, and what holds the core together. */
#include "agent/core/core.h"
#include "base/alloc.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

void agent_effect_add(struct agent_effects *fx, struct agent_effect effect)
{
    *vec_add(fx) = effect;
}

struct agent_core *agent_core_new(uint64_t seed,
                                  const struct agent_times *times)
{
    struct agent_core *core = xcalloc(1, sizeof *core);
    rng_seed(&core->rng, seed);
    core->times = *times;
    return core;
}

void agent_core_free(struct agent_core *core)
{
    if (core == NULL)
        return;
    agent_core_clear_graves(core);
    HASH_CLEAR(by_serial, core->tasks_by_serial);
    HASH_CLEAR(by_serial, core->executors_by_serial);
    HASH_CLEAR(by_container, core->containers);
    struct agent_framework *framework, *next;
    HASH_ITER(by_id, core->frameworks, framework, next)
    {
        HASH_DELETE(by_id, core->frameworks, framework);
        agent_framework_free(framework);
    }
    for (uint32_t i = 0; i < core->completed.count; i++)
        agent_framework_free(core->completed.item[i]);
    vec_free(&core->completed);
    vec_free(&core->grave_updates);
    vec_free(&core->grave_tasks);
    vec_free(&core->grave_executors);
    vec_free(&core->grave_frameworks);
    heap_release(&core->timers);
    free(core);
}

static void set_framework(struct agent_framework *framework,
                          const struct agent_framework_head *head)
{
    blob_unref(framework->info);
    framework->info = blob_new(head->info);
    free(framework->user);
    framework->user = xstrdup(head->user);
    framework->is_checkpointing = head->is_checkpointing;
    framework->is_partition_aware = head->is_partition_aware;
}

void agent_core_restore_framework(struct agent_core *core,
                                  const struct agent_framework_head *head)
{
    struct agent_framework *framework = agent_core_framework(core, head->id);
    if (framework == NULL)
        framework = agent_core_add_framework(core, head->id);
    set_framework(framework, head);
}

void agent_core_update_framework(struct agent_core *core,
                                 const struct agent_framework_head *head,
                                 struct agent_effects *fx)
{
    agent_core_clear_graves(core);
    struct agent_framework *framework = agent_core_framework(core, head->id);
    if (framework == NULL)
        return;
    set_framework(framework, head);
    agent_effect_add(fx, (struct agent_effect){.kind = AGENT_SAVE_FRAMEWORK,
                                               .framework = framework});
}

static enum agent_task_state dropped_state(
    const struct agent_framework *framework)
{
    return framework && framework->is_partition_aware ? AGENT_TASK_DROPPED
                                                      : AGENT_TASK_LOST;
}

static void notice(struct agent_effects *fx, const char *framework_id,
                   const char *task_id, enum agent_task_state state,
                   enum agent_reason reason, const char *message)
{
    agent_effect_add(
        fx, (struct agent_effect){
                .kind = AGENT_NOTICE,
                .notice = {state, reason, framework_id, task_id, message}});
}

static struct agent_framework *run_framework(
    struct agent_core *core, const struct agent_framework_head *head,
    struct agent_effects *fx)
{
    struct agent_framework *framework = agent_core_framework(core, head->id);
    if (framework == NULL)
        framework = agent_core_add_framework(core, head->id);
    else if (framework->info != NULL &&
             bytes_equal(blob_bytes(framework->info), head->info))
        return framework;
    set_framework(framework, head);
    agent_effect_add(fx, (struct agent_effect){.kind = AGENT_SAVE_FRAMEWORK,
                                               .framework = framework});
    return framework;
}

static struct agent_executor *run_executor(struct agent_core *core,
                                           struct agent_framework *framework,
                                           const struct agent_run *run,
                                           struct agent_effects *fx)
{
    const struct agent_executor_head *head = &run->executor;
    const char *id = head->id ? head->id : run->task.id;
    struct uuid uuid = uuid_random(&core->rng);
    char container_id[UUID_TEXT_MAX];
    struct agent_executor *executor = agent_core_add_executor(
        core, framework, id, uuid_text(&uuid, container_id));
    executor->info = blob_new(head->info);
    executor->is_command = head->is_command;
    resources_copy(&executor->resources, head->resources);
    if (head->grace_ms >= 0)
        executor->grace_ms = head->grace_ms;
    agent_effect_add(fx, (struct agent_effect){.kind = AGENT_SAVE_EXECUTOR,
                                               .executor = executor});
    return executor;
}

/* Tasks that cannot be put into a stream of their own: nothing is kept of
 * them, and the master asks again when the notice is lost. */
static bool run_refused(struct agent_core *core, const struct agent_run *run,
                        const struct agent_framework *framework,
                        const struct agent_executor *executor,
                        struct agent_effects *fx)
{
    const char *why = NULL;
    if (framework->is_ending)
        why = "Framework is shutting down on this agent";
    else if (agent_core_task(framework, run->task.id) != NULL)
        why = "Task id is in use until its last update is acknowledged";
    else if (core->task_count >= AGENT_TASKS_MAX)
        why = "Agent holds as many tasks as it may";
    else if (executor == NULL &&
             HASH_CNT(by_container, core->containers) >= AGENT_EXECUTORS_MAX)
        why = "Agent holds as many executors as it may";
    else if (executor && (executor->state == AGENT_EXECUTOR_TERMINATING ||
                          executor->is_destroyed))
        why = "Executor terminating";
    else
        return false;
    notice(fx, framework->id, run->task.id, dropped_state(framework),
           AGENT_REASON_EXECUTOR_TERMINATED, why);
    return true;
}

/* A task that is live here already is the same order twice. */
static bool is_repeated(const struct agent_framework *framework,
                        const char *task_id)
{
    const struct agent_task *task = agent_core_task(framework, task_id);
    return task != NULL && !agent_task_is_terminal(task);
}

static void launch_task(struct agent_task *task, struct agent_effects *fx)
{
    task->is_launched = true;
    agent_effect_add(fx, (struct agent_effect){.kind = AGENT_LIMIT,
                                               .executor = task->executor});
    agent_effect_add(fx, (struct agent_effect){.kind = AGENT_LAUNCH_TASK,
                                               .executor = task->executor,
                                               .task = task});
}

void agent_core_run(struct agent_core *core, const struct agent_run *run,
                    int64_t now_ms, struct agent_effects *fx)
{
    agent_core_clear_graves(core);
    struct agent_framework *framework =
        run_framework(core, &run->framework, fx);
    if (is_repeated(framework, run->task.id))
        return;
    struct agent_executor *executor = agent_core_executor(
        framework, run->executor.id ? run->executor.id : run->task.id);
    if (run_refused(core, run, framework, executor, fx)) {
        agent_framework_settle(core, framework, fx);
        return;
    }
    bool is_new = executor == NULL;
    if (is_new)
        executor = run_executor(core, framework, run, fx);
    struct agent_task *task = agent_core_add_task(core, executor, run->task.id);
    task->info = blob_new(run->task.info);
    resources_copy(&task->resources, run->task.resources);
    agent_effect_add(
        fx, (struct agent_effect){.kind = AGENT_SAVE_TASK, .task = task});
    if (run->problem != NULL) {
        struct agent_cause cause = {.state = run->problem_state,
                                    .reason = run->problem_reason,
                                    .message = (char *)run->problem};
        agent_stream_tell(core, task, &cause, now_ms, fx);
        if (is_new)
            agent_executor_ended(core, executor, -1, now_ms, fx);
    } else if (is_new) {
        agent_effect_add(fx, (struct agent_effect){.kind = AGENT_START,
                                                   .executor = executor});
    } else if (executor->stream != 0) {
        launch_task(task, fx);
    }
}

static void kill_queued(struct agent_core *core, struct agent_task *task,
                        int64_t now_ms, struct agent_effects *fx)
{
    struct agent_executor *executor = task->executor;
    struct agent_cause cause = {
        .state = AGENT_TASK_KILLED,
        .reason = AGENT_REASON_KILLED_DURING_LAUNCH,
        .message = (char *)"Killed before delivery to the executor"};
    agent_stream_tell(core, task, &cause, now_ms, fx);
    for (uint32_t i = 0; i < executor->tasks.count; i++)
        if (!agent_task_is_terminal(executor->tasks.item[i]))
            return;
    if (executor->state == AGENT_EXECUTOR_STARTING)
        agent_executor_destroy(core, executor, AGENT_TASK_KILLED,
                               AGENT_REASON_NONE, NULL, fx);
}

void agent_core_kill(struct agent_core *core, const char *framework_id,
                     const char *task_id, int64_t grace_ms, int64_t now_ms,
                     struct agent_effects *fx)
{
    agent_core_clear_graves(core);
    struct agent_framework *framework =
        agent_core_framework(core, framework_id);
    struct agent_task *task =
        framework ? agent_core_task(framework, task_id) : NULL;
    if (task == NULL) {
        notice(fx, framework_id, task_id, dropped_state(framework),
               AGENT_REASON_EXECUTOR_TERMINATED,
               "Task is unknown to the agent");
        return;
    }
    if (agent_task_is_terminal(task))
        return; /* its last update is under way */
    struct agent_executor *executor = task->executor;
    task->is_killed = true;
    task->grace_ms = grace_ms;
    if (!task->is_launched && !executor->is_recovering) {
        kill_queued(core, task, now_ms, fx);
        return;
    }
    agent_effect_add(
        fx, (struct agent_effect){.kind = AGENT_SAVE_TASK, .task = task});
    if (executor->stream != 0) /* else when it subscribes again */
        agent_effect_add(fx, (struct agent_effect){.kind = AGENT_KILL_TASK,
                                                   .executor = executor,
                                                   .task = task});
}

void agent_core_message(struct agent_core *core, const char *framework_id,
                        const char *executor_id, struct bytes payload,
                        struct agent_effects *fx)
{
    agent_core_clear_graves(core);
    struct agent_framework *framework =
        agent_core_framework(core, framework_id);
    struct agent_executor *executor =
        framework ? agent_core_executor(framework, executor_id) : NULL;
    if (executor == NULL || executor->stream == 0)
        return; /* messages are best effort */
    agent_effect_add(fx, (struct agent_effect){.kind = AGENT_MESSAGE,
                                               .executor = executor,
                                               .payload = payload});
}

void agent_core_reconcile(struct agent_core *core, const char *framework_id,
                          const char *task_id, struct agent_effects *fx)
{
    agent_core_clear_graves(core);
    struct agent_framework *framework =
        agent_core_framework(core, framework_id);
    if (framework && agent_core_task(framework, task_id))
        return;
    notice(fx, framework_id, task_id, dropped_state(framework),
           AGENT_REASON_RECONCILIATION,
           "Reconciliation: Task is unknown to the agent");
}

int64_t agent_core_next_ms(const struct agent_core *core)
{
    return heap_next_ms(&core->timers);
}
