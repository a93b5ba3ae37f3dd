/* The stream of status updates of one task: sent one at a time, again after
 * 10 s, 20 s, ... 10 min until the framework acknowledges. */
#include "agent/core/core.h"
#include "base/alloc.h"
#include <assert.h>
#include <string.h>

enum { RETRY_FIRST_MS = 10 * 1000, RETRY_LAST_MS = 10 * 60 * 1000 };

bool agent_stream_knows(const struct agent_task *task, struct uuid uuid)
{
    for (uint32_t i = 0; i < task->updates.count; i++)
        if (uuid_equal(&task->updates.item[i]->uuid, &uuid))
            return true;
    return false;
}

void agent_stream_send(struct agent_core *core, struct agent_task *task,
                       int64_t now_ms, struct agent_effects *fx)
{
    struct agent_update *head = agent_task_head(task);
    if (head == NULL || !core->is_linked) {
        task->retry_at_ms = 0;
        return;
    }
    task->retry_at_ms = now_ms + task->retry_ms;
    task->retry_ms *= 2;
    if (task->retry_ms > RETRY_LAST_MS)
        task->retry_ms = RETRY_LAST_MS;
    heap_push(&core->timers, task->retry_at_ms, AGENT_TIMER_RETRY,
              task->serial);
    agent_effect_add(fx, (struct agent_effect){.kind = AGENT_FORWARD,
                                               .task = task,
                                               .update = head});
}

void agent_stream_push(struct agent_core *core, struct agent_task *task,
                       struct agent_update *update, int64_t now_ms,
                       struct agent_effects *fx)
{
    assert(!agent_task_is_terminal(task));
    update->task = task;
    update->sequence = task->next_sequence++;
    task->state = update->state;
    *vec_add(&task->updates) = update;
    agent_effect_add(fx, (struct agent_effect){.kind = AGENT_SAVE_UPDATE,
                                               .task = task,
                                               .update = update});
    if (agent_task_head(task) == update) {
        task->retry_ms = RETRY_FIRST_MS;
        agent_stream_send(core, task, now_ms, fx);
    }
}

void agent_stream_tell(struct agent_core *core, struct agent_task *task,
                       const struct agent_cause *cause, int64_t now_ms,
                       struct agent_effects *fx)
{
    struct agent_update *update = xcalloc(1, sizeof *update);
    update->uuid = uuid_random(&core->rng);
    update->state = cause->state;
    update->reason = cause->reason;
    update->message = cause->message ? xstrdup(cause->message) : NULL;
    update->limit_mem_bytes = cause->limit_mem_bytes;
    update->at_ms = now_ms;
    agent_stream_push(core, task, update, now_ms, fx);
}

/* The newest acknowledged update stays on disk as the task's known state; the
 * one before it goes. Memory keeps a few for /state: one per state. */
static void retire(struct agent_core *core, struct agent_task *task,
                   struct agent_effects *fx)
{
    uint32_t at = task->acknowledged;
    task->updates.item[at]->is_acknowledged = true;
    task->acknowledged++;
    agent_effect_add(fx,
                     (struct agent_effect){.kind = AGENT_SAVE_UPDATE,
                                           .task = task,
                                           .update = task->updates.item[at]});
    if (at == 0)
        return;
    struct agent_update *before = task->updates.item[at - 1];
    agent_effect_add(fx, (struct agent_effect){.kind = AGENT_FORGET_UPDATE,
                                               .task = task,
                                               .update = before});
    bool is_repeated = before->state == task->updates.item[at]->state;
    if (is_repeated || task->acknowledged > AGENT_HISTORY_MAX) {
        uint32_t gone = is_repeated ? at - 1 : 0;
        agent_core_bury_update(core, task->updates.item[gone]);
        vec_remove(&task->updates, gone);
        task->acknowledged--;
    }
}

static void complete(struct agent_core *core, struct agent_task *task,
                     struct agent_effects *fx)
{
    struct agent_executor *executor = task->executor;
    const struct agent_update *last =
        task->updates.item[task->updates.count - 1];
    agent_effect_add(fx, (struct agent_effect){.kind = AGENT_FORGET_UPDATE,
                                               .task = task,
                                               .update = last});
    agent_effect_add(
        fx, (struct agent_effect){.kind = AGENT_FORGET_TASK, .task = task});
    agent_core_complete_task(core, task);
    agent_executor_settle(core, executor, fx);
}

void agent_core_acknowledge(struct agent_core *core, const char *framework_id,
                            const char *task_id, struct uuid uuid,
                            int64_t now_ms, struct agent_effects *fx)
{
    agent_core_clear_graves(core);
    struct agent_framework *framework =
        agent_core_framework(core, framework_id);
    struct agent_task *task =
        framework ? agent_core_task(framework, task_id) : NULL;
    struct agent_update *head = task ? agent_task_head(task) : NULL;
    if (head == NULL || !uuid_equal(&head->uuid, &uuid))
        return; /* late or repeated: changes nothing */
    retire(core, task, fx);
    if (agent_task_head(task) == NULL && agent_task_is_terminal(task)) {
        complete(core, task, fx);
        return;
    }
    task->retry_ms = RETRY_FIRST_MS;
    agent_stream_send(core, task, now_ms, fx);
}

void agent_core_linked(struct agent_core *core, int64_t now_ms,
                       struct agent_effects *fx)
{
    agent_core_clear_graves(core);
    core->is_linked = true;
    struct agent_task *task, *next;
    HASH_ITER(by_serial, core->tasks_by_serial, task, next)
    {
        task->retry_ms = RETRY_FIRST_MS;
        agent_stream_send(core, task, now_ms, fx);
    }
}

void agent_core_unlinked(struct agent_core *core)
{
    core->is_linked = false;
}
