/* Executors and their containers: subscribing, ending, what their tasks hear.
 */
#include "agent/core/core.h"
#include "base/alloc.h"
#include "base/text.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { HEARTBEAT_MS = 30 * 60 * 1000 };

static void tell(struct agent_effects *fx, enum agent_effect_kind kind,
                 const struct agent_executor *executor)
{
    agent_effect_add(fx,
                     (struct agent_effect){.kind = kind, .executor = executor});
}

static void set_cause(struct agent_executor *executor,
                      enum agent_task_state state, enum agent_reason reason,
                      const char *message)
{
    if (executor->cause.message != NULL || message == NULL)
        return; /* the first cause is the true one */
    executor->cause = (struct agent_cause){
        .state = state, .reason = reason, .message = xstrdup(message)};
}

void agent_executor_destroy(struct agent_core *core,
                            struct agent_executor *executor,
                            enum agent_task_state state,
                            enum agent_reason reason, const char *message,
                            struct agent_effects *fx)
{
    (void)core;
    assert(executor->state != AGENT_EXECUTOR_TERMINATED);
    set_cause(executor, state, reason, message);
    executor->state = AGENT_EXECUTOR_TERMINATING;
    executor->silent_at_ms = 0;
    executor->shutdown_at_ms = 0;
    if (executor->is_destroyed)
        return;
    executor->is_destroyed = true;
    tell(fx, AGENT_SAVE_EXECUTOR, executor);
    tell(fx, AGENT_DESTROY, executor);
}

void agent_framework_settle(struct agent_core *core,
                            struct agent_framework *framework,
                            struct agent_effects *fx)
{
    if (framework->executors.count > 0)
        return;
    agent_effect_add(fx, (struct agent_effect){.kind = AGENT_FORGET_FRAMEWORK,
                                               .framework = framework});
    agent_core_complete_framework(core, framework);
}

void agent_executor_settle(struct agent_core *core,
                           struct agent_executor *executor,
                           struct agent_effects *fx)
{
    if (executor->state != AGENT_EXECUTOR_TERMINATED ||
        executor->tasks.count > 0)
        return;
    tell(fx, AGENT_FORGET_EXECUTOR, executor);
    agent_core_complete_executor(core, executor);
    agent_framework_settle(core, executor->framework, fx);
}

/* Nobody wants to hear of the tasks of a framework that was shut down. */
static void drop_tasks(struct agent_core *core, struct agent_executor *executor,
                       struct agent_effects *fx)
{
    while (executor->tasks.count > 0) {
        struct agent_task *task = executor->tasks.item[0];
        uint32_t from = task->acknowledged > 0 ? task->acknowledged - 1 : 0;
        for (uint32_t i = from; i < task->updates.count; i++)
            agent_effect_add(
                fx, (struct agent_effect){.kind = AGENT_FORGET_UPDATE,
                                          .task = task,
                                          .update = task->updates.item[i]});
        agent_effect_add(
            fx, (struct agent_effect){.kind = AGENT_FORGET_TASK, .task = task});
        agent_core_complete_task(core, task);
    }
}

/* What a task hears when its executor ended and it had not. */
static struct agent_cause cause_of(const struct agent_executor *executor,
                                   const struct agent_task *task)
{
    if (executor->cause.message != NULL)
        return executor->cause;
    if (executor->is_recovering && task->state == AGENT_TASK_STAGING)
        return (struct agent_cause){
            .state = executor->framework->is_partition_aware
                         ? AGENT_TASK_DROPPED
                         : AGENT_TASK_LOST,
            .reason = AGENT_REASON_AGENT_RESTARTED,
            .message = (char *)"Task launched during agent restart"};
    return (struct agent_cause){.state = AGENT_TASK_FAILED,
                                .reason = AGENT_REASON_EXECUTOR_TERMINATED,
                                .message = (char *)"Executor terminated"};
}

void agent_executor_ended(struct agent_core *core,
                          struct agent_executor *executor, int32_t status,
                          int64_t now_ms, struct agent_effects *fx)
{
    if (executor->stream != 0)
        agent_effect_add(fx, (struct agent_effect){.kind = AGENT_HANG_UP,
                                                   .executor = executor,
                                                   .stream = executor->stream});
    executor->stream = 0;
    agent_effect_add(fx, (struct agent_effect){.kind = AGENT_EXITED,
                                               .executor = executor,
                                               .status = status});
    if (executor->framework->is_ending)
        drop_tasks(core, executor, fx);
    for (uint32_t i = 0; i < executor->tasks.count; i++) {
        struct agent_task *task = executor->tasks.item[i];
        if (agent_task_is_terminal(task))
            continue;
        struct agent_cause cause = cause_of(executor, task);
        agent_stream_tell(core, task, &cause, now_ms, fx);
    }
    agent_core_end_executor(core, executor);
    tell(fx, AGENT_SAVE_EXECUTOR, executor);
    agent_executor_settle(core, executor, fx);
    agent_recovery_settle(core, fx);
}

void agent_core_failed(struct agent_core *core, const char *container_id,
                       const char *text, int64_t now_ms,
                       struct agent_effects *fx)
{
    agent_core_clear_graves(core);
    struct agent_executor *executor = agent_core_container(core, container_id);
    if (executor == NULL || executor->state == AGENT_EXECUTOR_TERMINATED)
        return;
    set_cause(executor, AGENT_TASK_FAILED, AGENT_REASON_LAUNCH_FAILED, text);
    agent_executor_ended(core, executor, -1, now_ms, fx);
}

void agent_core_exited(struct agent_core *core, const char *container_id,
                       int32_t status, int64_t now_ms, struct agent_effects *fx)
{
    agent_core_clear_graves(core);
    struct agent_executor *executor = agent_core_container(core, container_id);
    if (executor != NULL && executor->state != AGENT_EXECUTOR_TERMINATED)
        agent_executor_ended(core, executor, status, now_ms, fx);
}

void agent_core_limited(struct agent_core *core, const char *container_id,
                        int64_t mem_limit_bytes, const char *text,
                        struct agent_effects *fx)
{
    agent_core_clear_graves(core);
    struct agent_executor *executor = agent_core_container(core, container_id);
    if (executor == NULL || executor->state == AGENT_EXECUTOR_TERMINATED)
        return;
    agent_executor_destroy(core, executor, AGENT_TASK_FAILED,
                           AGENT_REASON_MEMORY, text, fx);
    if (executor->cause.reason == AGENT_REASON_MEMORY)
        executor->cause.limit_mem_bytes = mem_limit_bytes;
}

void agent_core_started(struct agent_core *core, const char *container_id,
                        int64_t pid, uint64_t born, int64_t now_ms,
                        struct agent_effects *fx)
{
    agent_core_clear_graves(core);
    struct agent_executor *executor = agent_core_container(core, container_id);
    if (executor == NULL || executor->state == AGENT_EXECUTOR_TERMINATED)
        return;
    executor->pid = pid;
    executor->born = born;
    executor->started_ms = now_ms;
    tell(fx, AGENT_SAVE_EXECUTOR, executor);
    if (executor->state != AGENT_EXECUTOR_STARTING)
        return;
    executor->silent_at_ms = now_ms + core->times.registration;
    heap_push(&core->timers, executor->silent_at_ms, AGENT_TIMER_SILENCE,
              executor->serial);
}

/* --- the executor's own calls --- */

/* The kernel kills a process of a container that is out of memory, which its
 * executor tells as a signal. The agent knows better and tells it at the end.
 */
static bool is_overruled(const struct agent_executor *executor,
                         enum agent_task_state state)
{
    return executor->cause.message != NULL &&
           executor->cause.reason == AGENT_REASON_MEMORY &&
           agent_task_state_is_terminal(state) && state != AGENT_TASK_FINISHED;
}

static void acknowledge_to(struct agent_executor *executor,
                           const struct agent_status *status,
                           struct agent_effects *fx)
{
    if (executor->stream != 0)
        agent_effect_add(fx, (struct agent_effect){.kind = AGENT_ACKNOWLEDGED,
                                                   .executor = executor,
                                                   .task_id = status->task_id,
                                                   .uuid = status->uuid});
}

int agent_core_update(struct agent_core *core, struct agent_executor *executor,
                      const struct agent_status *status, int64_t now_ms,
                      struct agent_effects *fx)
{
    agent_core_clear_graves(core);
    struct agent_task *task =
        agent_core_task(executor->framework, status->task_id);
    bool is_new = task != NULL && task->executor == executor &&
                  !agent_task_is_terminal(task) &&
                  !agent_stream_knows(task, status->uuid) &&
                  !is_overruled(executor, status->state);
    if (is_new && task->updates.count - task->acknowledged >= AGENT_UPDATES_MAX)
        return -ERR_BUSY;
    if (is_new) {
        struct agent_update *update = xcalloc(1, sizeof *update);
        update->uuid = status->uuid;
        update->state = status->state;
        update->reason = AGENT_REASON_NONE;
        update->status = blob_new(status->status);
        update->at_ms = now_ms;
        agent_stream_push(core, task, update, now_ms, fx);
    }
    /* Repeated, late or about nothing we know: it need not come again. */
    acknowledge_to(executor, status, fx);
    return 0;
}

/* An executor reports in order. What stands in front of an update that we know
 * was known once, too, and forgotten when the framework had acknowledged both:
 * taken as new, it would come after what followed it. */
static bool was_known(const struct agent_subscribe *subscribe, uint32_t at)
{
    const struct agent_status *update = subscribe->update;
    const struct agent_task *task =
        agent_core_task(subscribe->executor->framework, update[at].task_id);

    for (uint32_t i = at + 1; task != NULL && i < subscribe->update_count; i++)
        if (strcmp(update[i].task_id, update[at].task_id) == 0 &&
            agent_stream_knows(task, update[i].uuid))
            return true;
    return false;
}

/* A task that was handed over but that the executor never heard of (the stream
 * broke under the LAUNCH) is handed over again. */
static void relaunch_unheard(const struct agent_subscribe *subscribe)
{
    struct agent_executor *executor = subscribe->executor;
    for (uint32_t i = 0; i < executor->tasks.count; i++) {
        struct agent_task *task = executor->tasks.item[i];
        if (task->state != AGENT_TASK_STAGING)
            continue;
        task->is_launched = false;
        for (uint32_t j = 0; j < subscribe->task_count; j++)
            if (strcmp(subscribe->task_id[j], task->id) == 0)
                task->is_launched = true;
    }
}

static void hand_over(struct agent_executor *executor, struct agent_effects *fx)
{
    tell(fx, AGENT_LIMIT, executor);
    for (uint32_t i = 0; i < executor->tasks.count; i++) {
        struct agent_task *task = executor->tasks.item[i];
        if (agent_task_is_terminal(task))
            continue;
        if (!task->is_launched)
            agent_effect_add(fx,
                             (struct agent_effect){.kind = AGENT_LAUNCH_TASK,
                                                   .executor = executor,
                                                   .task = task});
        task->is_launched = true;
        if (task->is_killed)
            agent_effect_add(fx, (struct agent_effect){.kind = AGENT_KILL_TASK,
                                                       .executor = executor,
                                                       .task = task});
    }
}

static void next_heartbeat(struct agent_core *core,
                           struct agent_executor *executor, int64_t from_ms)
{
    executor->heartbeat_at_ms = from_ms + HEARTBEAT_MS;
    heap_push(&core->timers, executor->heartbeat_at_ms, AGENT_TIMER_HEARTBEAT,
              executor->serial);
}

void agent_core_subscribe(struct agent_core *core,
                          const struct agent_subscribe *subscribe,
                          int64_t now_ms, struct agent_effects *fx)
{
    agent_core_clear_graves(core);
    struct agent_executor *executor = subscribe->executor;
    assert(executor->state != AGENT_EXECUTOR_TERMINATED);
    if (executor->stream != 0)
        agent_effect_add(fx, (struct agent_effect){.kind = AGENT_HANG_UP,
                                                   .executor = executor,
                                                   .stream = executor->stream});
    executor->stream = subscribe->stream;
    executor->media = subscribe->media;
    executor->is_recovering = false;
    executor->silent_at_ms = 0;
    tell(fx, AGENT_SUBSCRIBED, executor);
    for (uint32_t i = 0; i < subscribe->update_count; i++)
        if (was_known(subscribe, i))
            acknowledge_to(executor, &subscribe->update[i], fx);
        else /* too many: it will send it again */
            (void)agent_core_update(core, executor, &subscribe->update[i],
                                    now_ms, fx);
    if (executor->state == AGENT_EXECUTOR_TERMINATING) {
        tell(fx, AGENT_SHUTDOWN, executor);
    } else {
        executor->state = AGENT_EXECUTOR_RUNNING;
        relaunch_unheard(subscribe);
        hand_over(executor, fx);
    }
    next_heartbeat(core, executor, now_ms);
    agent_recovery_settle(core, fx);
}

void agent_core_stream_gone(struct agent_core *core, uint64_t stream,
                            int64_t now_ms)
{
    agent_core_clear_graves(core);
    struct agent_executor *executor, *next;
    HASH_ITER(by_serial, core->executors_by_serial, executor, next)
    {
        if (executor->stream != stream)
            continue;
        executor->stream = 0;
        if (executor->state != AGENT_EXECUTOR_RUNNING)
            return;
        /* It tries again; its process is watched meanwhile. */
        executor->silent_at_ms = now_ms + core->times.recovery;
        heap_push(&core->timers, executor->silent_at_ms, AGENT_TIMER_SILENCE,
                  executor->serial);
        return;
    }
}

/* --- shutting down --- */

static void shut_down(struct agent_core *core, struct agent_executor *executor,
                      int64_t now_ms, struct agent_effects *fx)
{
    if (executor->state == AGENT_EXECUTOR_TERMINATING)
        return;
    if (executor->state == AGENT_EXECUTOR_STARTING || executor->stream == 0) {
        agent_executor_destroy(core, executor, AGENT_TASK_KILLED,
                               AGENT_REASON_NONE, "Executor was shut down", fx);
        return;
    }
    executor->state = AGENT_EXECUTOR_TERMINATING;
    executor->shutdown_at_ms = now_ms + executor->grace_ms;
    heap_push(&core->timers, executor->shutdown_at_ms, AGENT_TIMER_SHUTDOWN,
              executor->serial);
    tell(fx, AGENT_SAVE_EXECUTOR, executor);
    tell(fx, AGENT_SHUTDOWN, executor);
}

void agent_core_shutdown_executor(struct agent_core *core,
                                  const char *framework_id,
                                  const char *executor_id, int64_t now_ms,
                                  struct agent_effects *fx)
{
    agent_core_clear_graves(core);
    struct agent_framework *framework =
        agent_core_framework(core, framework_id);
    struct agent_executor *executor =
        framework ? agent_core_executor(framework, executor_id) : NULL;
    if (executor != NULL)
        shut_down(core, executor, now_ms, fx);
}

static void shut_down_framework(struct agent_core *core,
                                struct agent_framework *framework,
                                int64_t now_ms, struct agent_effects *fx)
{
    framework->is_ending = true;
    for (uint32_t i = 0; i < framework->executors.count; i++)
        if (framework->executors.item[i]->state != AGENT_EXECUTOR_TERMINATED)
            shut_down(core, framework->executors.item[i], now_ms, fx);
    /* Ended ones only waited for acknowledgements. Settling the last one
     * removes the framework from the list we walk, so count from behind. */
    for (uint32_t i = framework->executors.count; i-- > 0;) {
        struct agent_executor *executor = framework->executors.item[i];
        if (executor->state != AGENT_EXECUTOR_TERMINATED)
            continue;
        drop_tasks(core, executor, fx);
        agent_executor_settle(core, executor, fx);
    }
}

void agent_core_shutdown_framework(struct agent_core *core,
                                   const char *framework_id, int64_t now_ms,
                                   struct agent_effects *fx)
{
    agent_core_clear_graves(core);
    struct agent_framework *framework =
        agent_core_framework(core, framework_id);
    if (framework != NULL)
        shut_down_framework(core, framework, now_ms, fx);
}

void agent_core_shutdown_all(struct agent_core *core, int64_t now_ms,
                             struct agent_effects *fx)
{
    agent_core_clear_graves(core);
    struct agent_framework *framework, *next;
    HASH_ITER(by_id, core->frameworks, framework, next)
    shut_down_framework(core, framework, now_ms, fx);
}

/* --- time --- */

static void silent(struct agent_core *core, struct agent_executor *executor,
                   struct agent_effects *fx)
{
    char text[64], within[32];
    enum agent_reason reason = AGENT_REASON_EXECUTOR_TERMINATED;
    const char *what = "come back";
    int64_t limit = core->times.recovery;
    if (executor->is_recovering) {
        reason = AGENT_REASON_REREGISTRATION_TIMEOUT;
        what = "re-register";
        limit = core->times.reregistration;
    } else if (executor->state == AGENT_EXECUTOR_STARTING) {
        reason = AGENT_REASON_REGISTRATION_TIMEOUT;
        what = "register";
        limit = core->times.registration;
    }
    snprintf(text, sizeof text, "Executor did not %s within %s", what,
             text_duration(limit, within, sizeof within));
    agent_executor_destroy(core, executor, AGENT_TASK_FAILED, reason, text, fx);
}

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
static void executor_timer(struct agent_core *core,
                           const struct heap_entry *entry,
                           struct agent_effects *fx)
{
    struct agent_executor *executor = NULL;
    HASH_FIND(by_serial, core->executors_by_serial, &entry->id,
              sizeof entry->id, executor);
    if (executor == NULL)
        return;
    if (entry->kind == AGENT_TIMER_SILENCE &&
        entry->at_ms == executor->silent_at_ms)
        silent(core, executor, fx);
    if (entry->kind == AGENT_TIMER_SHUTDOWN &&
        entry->at_ms == executor->shutdown_at_ms)
        agent_executor_destroy(core, executor, AGENT_TASK_KILLED,
                               AGENT_REASON_NONE, NULL, fx);
    if (entry->kind == AGENT_TIMER_HEARTBEAT && executor->stream != 0 &&
        entry->at_ms == executor->heartbeat_at_ms) {
        tell(fx, AGENT_HEARTBEAT, executor);
        next_heartbeat(core, executor, entry->at_ms);
    }
}

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
void agent_core_tick(struct agent_core *core, int64_t now_ms,
                     struct agent_effects *fx)
{
    agent_core_clear_graves(core);
    struct heap_entry entry;
    while (heap_pop(&core->timers, now_ms, &entry)) {
        if (entry.kind != AGENT_TIMER_RETRY) {
            executor_timer(core, &entry, fx);
            continue;
        }
        struct agent_task *task = NULL;
        HASH_FIND(by_serial, core->tasks_by_serial, &entry.id, sizeof entry.id,
                  task);
        if (task != NULL && task->retry_at_ms == entry.at_ms)
            agent_stream_send(core, task, now_ms, fx);
    }
}
