#include "master/core/internal.h"
#include <assert.h>

/* --- life of a task --- */

struct task *find_task(struct task *tasks, const char *id)
{
    struct task *task;
    HASH_FIND_STR(tasks, id, task);
    return task;
}

struct task *framework_task(const struct framework *f, const char *id)
{
    return find_task(f->tasks, id);
}

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
static void put_task(struct task **tasks, struct task *task)
{
    HASH_ADD_KEYPTR(hh, *tasks, task->id, strlen(task->id), task);
}

struct task *task_new(struct framework *f, const char *id)
{
    struct task *task = xcalloc(1, sizeof *task);
    task->id = xstrdup(id);
    task->framework = f;
    put_task(&f->tasks, task);
    return task;
}

void task_free(struct task *task)
{
    assert(!task->agent);
    for (uint32_t i = 0; i < task->statuses.count; i++)
        status_release(&task->statuses.item[i]);
    vec_free(&task->statuses);
    resources_release(&task->resources);
    blob_unref(task->about);
    blob_unref(task->kill_policy);
    free(task->id);
    free(task->executor_id);
    free(task->agent_id);
    free(task->role);
    free(task);
}

void task_join_agent(struct task *task, struct agent *agent)
{
    assert(!task->agent);
    task->agent = agent;
    DL_APPEND2(agent->tasks, task, agent_prev, agent_next);
}

void task_leave_agent(struct task *task)
{
    if (!task->agent)
        return;
    DL_DELETE2(task->agent->tasks, task, agent_prev, agent_next);
    task->agent = NULL;
}

void task_uncharge(struct master *m, struct task *task, int64_t now_ms)
{
    if (!task->is_charged)
        return;
    assert(task->agent);
    task->is_charged = false;
    allocator_recover(m->allocator, task->framework->number,
                      task->agent->number, task->role, &task->resources,
                      REFUSE_NOTHING, 0, now_ms);
}

const struct status *task_last_status(const struct task *task)
{
    return task->statuses.count ? &task->statuses.item[task->statuses.count - 1]
                                : NULL;
}

/* A status of the same state takes the place of the one before, as health
 * changes would otherwise pile up. */
void task_add_status(struct task *task, const struct status *status)
{
    struct status copy = *status;
    copy.wire = blob_ref(status->wire);
    if (task->statuses.count > 0) {
        struct status *last = &task->statuses.item[task->statuses.count - 1];
        if (last->state == status->state) {
            status_release(last);
            *last = copy;
            return;
        }
    }
    if (task->statuses.count == MASTER_STATUSES_MAX) {
        status_release(&task->statuses.item[0]);
        vec_remove(&task->statuses, 0);
    }
    *vec_add(&task->statuses) = copy;
}

static void drop_oldest(struct task **tasks, int64_t max)
{
    struct task *oldest, *next;
    HASH_ITER(hh, *tasks, oldest, next)
    {
        if ((int64_t)HASH_COUNT(*tasks) <= max)
            break;
        HASH_DEL(*tasks, oldest);
        task_free(oldest);
    }
}

static void leave_list(struct task *task)
{
    struct framework *f = task->framework;
    if (find_task(f->tasks, task->id) == task)
        HASH_DEL(f->tasks, task);
    else
        HASH_DEL(f->unreachable, task);
}

void task_complete(struct master *m, struct task *task)
{
    struct framework *f = task->framework;
    assert(!task->is_charged && !task->agent);
    leave_list(task);
    /* An id that was used again replaces its older run. */
    struct task *older = find_task(f->completed, task->id);
    if (older) {
        HASH_DEL(f->completed, older);
        task_free(older);
    }
    put_task(&f->completed, task);
    drop_oldest(&f->completed, m->config.max_completed_tasks_per_framework);
}

void task_set_unreachable(struct master *m, struct task *task)
{
    struct framework *f = task->framework;
    assert(!task->is_charged);
    task_leave_agent(task);
    HASH_DEL(f->tasks, task);
    put_task(&f->unreachable, task);
    drop_oldest(&f->unreachable, m->config.max_unreachable_tasks_per_framework);
}

void task_set_reachable(struct task *task)
{
    struct framework *f = task->framework;
    HASH_DEL(f->unreachable, task);
    put_task(&f->tasks, task);
    task->unreachable_ms = 0;
}

/* --- telling the framework --- */

enum task_state framework_view(const struct framework *f, enum task_state state)
{
    if (f->flags & FRAMEWORK_PARTITION_AWARE)
        return state;
    switch (state) {
    case TASK_STATE_DROPPED:
    case TASK_STATE_UNREACHABLE:
    case TASK_STATE_GONE:
    case TASK_STATE_GONE_BY_OPERATOR:
    case TASK_STATE_UNKNOWN:
        return TASK_STATE_LOST;
    default:
        return state;
    }
}

void tell_status(struct outputs *out, const struct framework *f,
                 const char *task_id, const char *agent_id,
                 enum task_state state, enum status_reason reason,
                 const char *text, int64_t unreachable_ms, struct blob *like)
{
    struct output *output = framework_output(out, f, OUTPUT_STATUS);
    if (!output)
        return;
    output->task_id = output_text(out, task_id);
    output->agent_id = output_text(out, agent_id);
    output->state = state;
    output->reason = reason;
    output->text = output_text(out, text);
    output->unreachable_ms = unreachable_ms;
    output->blob = blob_ref(like);
}

void task_end(struct master *m, struct task *task, enum task_state state,
              enum status_reason reason, const char *text, int64_t now_ms,
              struct outputs *out)
{
    assert(task_state_is_terminal(state));
    if (!task_state_is_terminal(task->state)) {
        task->state = state;
        task->is_told_end = true;
        m->counters.tasks_ended[state]++;
        task_add_status(task, &(struct status){.state = state,
                                               .reason = reason,
                                               .at_ms = now_ms});
        tell_status(out, task->framework, task->id, task->agent_id, state,
                    reason, text, 0, NULL);
    }
    task_uncharge(m, task, now_ms);
    task_leave_agent(task);
    task_complete(m, task);
}

/* --- calls about tasks --- */

static void send_kill(const struct task *task, struct outputs *out)
{
    struct output *kill = agent_output(out, task->agent, OUTPUT_KILL);
    if (!kill)
        return;
    kill->framework_id = output_text(out, task->framework->id);
    kill->task_id = output_text(out, task->id);
    kill->blob = blob_ref(task->kill_policy);
}

void task_resend_kill(struct task *task, struct outputs *out)
{
    if (task->is_kill_wanted && !task_state_is_terminal(task->state))
        send_kill(task, out);
}

void master_kill(struct master *m, struct framework *f, const char *task_id,
                 const char *agent_id, struct bytes policy, struct outputs *out)
{
    struct task *task = framework_task(f, task_id);
    if (!task) {
        struct reconcile_task wanted = {.task_id = task_id,
                                        .agent_id = agent_id};
        master_reconcile(m, f, &wanted, 1, out);
        return;
    }
    if (agent_id && strcmp(agent_id, task->agent_id) != 0)
        return; /* a kill of a task elsewhere */
    /* Remembered until the task is over: the event may be lost with the
     * agent's stream. */
    task->is_kill_wanted = true;
    blob_unref(task->kill_policy);
    task->kill_policy = policy.data ? blob_new(policy) : NULL;
    send_kill(task, out);
}

void master_acknowledge(struct master *m, struct framework *f,
                        const char *agent_id, const char *task_id,
                        const struct uuid *uuid, struct outputs *out)
{
    struct agent *agent = master_agent(m, agent_id);
    struct output *ack =
        agent ? agent_output(out, agent, OUTPUT_ACKNOWLEDGE) : NULL;
    if (!ack)
        return; /* the agent will send the update again */
    ack->framework_id = output_text(out, f->id);
    ack->task_id = output_text(out, task_id);
    ack->uuid = *uuid;
    struct task *task = framework_task(f, task_id);
    bool is_listed = task != NULL;
    if (!is_listed)
        task = find_task(f->completed, task_id);
    if (!task || !task->has_update || !uuid_equal(&task->update_uuid, uuid) ||
        !task_state_is_terminal(task->update_state))
        return;
    if (is_listed && task->agent != agent)
        return;
    task->is_acknowledged = true;
    if (!is_listed)
        return;
    assert(!task->is_charged);
    task_leave_agent(task);
    task_complete(m, task);
}

void master_message(struct master *m, struct framework *f, const char *agent_id,
                    const char *executor_id, struct bytes data,
                    struct outputs *out)
{
    const struct agent *agent = master_agent(m, agent_id);
    struct output *output =
        agent ? agent_output(out, agent, OUTPUT_EXECUTOR_MESSAGE) : NULL;
    if (!output)
        return;
    output->framework_id = output_text(out, f->id);
    output->executor_id = output_text(out, executor_id);
    output->blob = blob_new(data);
}

void master_shutdown_executor(struct master *m, struct framework *f,
                              const char *agent_id, const char *executor_id,
                              struct outputs *out)
{
    const struct agent *agent = master_agent(m, agent_id);
    struct output *output =
        agent ? agent_output(out, agent, OUTPUT_SHUTDOWN_EXECUTOR) : NULL;
    if (!output)
        return;
    output->framework_id = output_text(out, f->id);
    output->executor_id = output_text(out, executor_id);
}

/* --- executors --- */

static char *executor_key(const char *framework_id, const char *executor_id)
{
    struct buf key = {0};
    buf_addf(&key, "%s/%s", framework_id, executor_id);
    return buf_take(&key);
}

struct executor *executor_find(const struct agent *agent,
                               const char *framework_id,
                               const char *executor_id)
{
    char *key = executor_key(framework_id, executor_id);
    struct executor *executor;
    HASH_FIND_STR(agent->executors, key, executor);
    free(key);
    return executor;
}

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
static void index_executor(struct agent *agent, struct executor *executor)
{
    HASH_ADD_KEYPTR(hh, agent->executors, executor->key, strlen(executor->key),
                    executor);
}

struct executor *executor_add(struct agent *agent, struct framework *f,
                              const char *id, const char *role,
                              const struct resources *resources,
                              struct bytes info)
{
    struct executor *executor = xcalloc(1, sizeof *executor);
    executor->key = executor_key(f->id, id);
    executor->id = executor->key + strlen(f->id) + 1;
    executor->agent = agent;
    executor->framework = f;
    executor->role = xstrdup(role);
    executor->info = blob_new(info);
    resources_copy(&executor->resources, resources);
    index_executor(agent, executor);
    DL_APPEND(f->executors, executor);
    return executor;
}

void executor_remove(struct master *m, struct executor *executor, bool recover,
                     int64_t now_ms)
{
    if (recover)
        allocator_recover(m->allocator, executor->framework->number,
                          executor->agent->number, executor->role,
                          &executor->resources, REFUSE_NOTHING, 0, now_ms);
    HASH_DEL(executor->agent->executors, executor);
    DL_DELETE(executor->framework->executors, executor);
    resources_release(&executor->resources);
    blob_unref(executor->info);
    free(executor->role);
    free(executor->key);
    free(executor);
}
