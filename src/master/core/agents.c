#include "master/core/internal.h"
#include <assert.h>
#include <stdio.h>

struct agent *master_agent(const struct master *m, const char *id)
{
    struct agent *agent;
    HASH_FIND_STR(m->agents, id, agent);
    return agent;
}

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
static void index_agent(struct master *m, struct agent *agent)
{
    HASH_ADD_KEYPTR(hh, m->agents, agent->id, strlen(agent->id), agent);
    HASH_ADD(by_number, m->agents_by_number, number, sizeof agent->number,
             agent);
}

struct agent *agent_new(struct master *m, const char *id)
{
    struct agent *agent = xcalloc(1, sizeof *agent);
    agent->number = ++m->next_number;
    agent->id = xstrdup(id);
    agent->state = AGENT_UNREACHABLE; /* until told otherwise */
    index_agent(m, agent);
    return agent;
}

void agent_free(struct agent *agent)
{
    assert(!agent->tasks && !agent->offers && !agent->executors);
    assert(!agent->inverses);
    attributes_release(&agent->attributes);
    resources_release(&agent->total);
    blob_unref(agent->info);
    free(agent->id);
    free(agent->hostname);
    free(agent->ip);
    free(agent->version);
    free(agent);
}

void agent_set_state(struct master *m, struct agent *agent,
                     enum agent_state state)
{
    if (agent->state == AGENT_RECOVERED)
        m->recovered_agents--;
    if (state == AGENT_RECOVERED)
        m->recovered_agents++;
    agent->state = state;
}

/* --- pinging ----------------------------------------------------------------
 */

static void ping(struct master *m, struct agent *agent, int64_t now_ms,
                 struct outputs *out)
{
    (void)agent_output(out, agent, OUTPUT_PING);
    agent->ping_at_ms = now_ms + m->config.agent_ping_timeout_ms;
    heap_push(&m->timers, agent->ping_at_ms, TIMER_PING, agent->number);
}

void agent_start_pinging(struct master *m, struct agent *agent, int64_t now_ms,
                         struct outputs *out)
{
    agent->pings_unanswered = 0;
    ping(m, agent, now_ms, out);
}

/* The time of one ping is over. A pong set the count to -1, so that this
 * period counts as answered. */
void agent_on_ping_time(struct master *m, struct agent *agent, int64_t now_ms,
                        struct outputs *out)
{
    if (agent->state != AGENT_CONNECTED && agent->state != AGENT_DISCONNECTED)
        return;
    agent->pings_unanswered++;
    if (agent->pings_unanswered >= m->config.max_agent_ping_timeouts) {
        agent_mark_unreachable(m, agent, now_ms, out);
        return;
    }
    ping(m, agent, now_ms, out);
}

void master_pong(struct agent *agent)
{
    agent->is_confirmed = true;
    agent->pings_unanswered = -1;
}

/* --- losing -----------------------------------------------------------------
 */

static void withdraw_offers(struct master *m, struct agent *agent,
                            int64_t now_ms, struct outputs *out)
{
    struct filters none = {.refusal = REFUSE_NOTHING};
    while (agent->offers)
        offer_withdraw(m, agent->offers, true, none, now_ms, out);
}

/* Tasks of frameworks that do not checkpoint are over with the link. */
static void end_unkept(struct master *m, struct agent *agent, int64_t now_ms,
                       struct outputs *out)
{
    struct task *task, *next_task;
    struct executor *executor, *next_executor;
    char text[ERR_TEXT_MAX];
    snprintf(text, sizeof text, "Agent %s disconnected", agent->hostname);
    DL_FOREACH_SAFE2(agent->tasks, task, next_task, agent_next)
    {
        if (!(task->framework->flags & FRAMEWORK_CHECKPOINT))
            task_end(m, task, TASK_STATE_LOST, STATUS_REASON_AGENT_DISCONNECTED,
                     text, now_ms, out);
    }
    HASH_ITER(hh, agent->executors, executor, next_executor)
    {
        if (!(executor->framework->flags & FRAMEWORK_CHECKPOINT))
            executor_remove(m, executor, true, now_ms);
    }
}

/* The link is gone already. */
void agent_disconnect(struct master *m, struct agent *agent, int64_t now_ms,
                      struct outputs *out)
{
    assert(agent->state == AGENT_CONNECTED);
    output_log(out, 1, "agent_disconnected agent=%s", agent->id);
    agent->stream = 0;
    agent_set_state(m, agent, AGENT_DISCONNECTED);
    allocator_set_agent_active(m->allocator, agent->number, false);
    withdraw_offers(m, agent, now_ms, out);
    end_unkept(m, agent, now_ms, out);
    inverse_withdraw_agent(m, agent, out);
}

void agent_tell_lost(struct master *m, const struct agent *agent,
                     struct outputs *out)
{
    for (struct framework *f = m->frameworks; f; f = f->hh.next) {
        struct output *failure = framework_output(out, f, OUTPUT_FAILURE);
        if (failure)
            failure->agent_id = output_text(out, agent->id);
    }
}

static void close_stream(struct master *m, struct agent *agent,
                         struct outputs *out)
{
    if (agent->stream == 0)
        return;
    (void)agent_output(out, agent, OUTPUT_END);
    link_remove(m, agent->stream);
    agent->stream = 0;
}

/* Nothing of it is allocated any more, whatever its tasks say. */
void agent_leave_allocator(struct master *m, struct agent *agent)
{
    struct task *task;
    if (agent->state != AGENT_CONNECTED && agent->state != AGENT_DISCONNECTED)
        return;
    allocator_remove_agent(m->allocator, agent->number);
    DL_FOREACH2(agent->tasks, task, agent_next)
    task->is_charged = false;
    while (agent->executors)
        executor_remove(m, agent->executors, false, 0);
}

static void lose_task(struct master *m, struct task *task, int64_t now_ms,
                      struct outputs *out)
{
    if (task_state_is_terminal(task->state)) {
        task_leave_agent(task);
        task_complete(m, task);
        return;
    }
    struct framework *f = task->framework;
    task->unreachable_ms = now_ms;
    task->state = TASK_STATE_UNREACHABLE;
    enum task_state told = framework_view(f, TASK_STATE_UNREACHABLE);
    task_add_status(task,
                    &(struct status){.state = told,
                                     .reason = STATUS_REASON_AGENT_REMOVED,
                                     .message = "health check timed out",
                                     .at_ms = now_ms,
                                     .unreachable_ms = now_ms});
    tell_status(out, f, task->id, task->agent_id, told,
                STATUS_REASON_AGENT_REMOVED, "health check timed out",
                f->flags & FRAMEWORK_PARTITION_AWARE ? now_ms : 0, NULL);
    task_set_unreachable(m, task);
}

void agent_mark_unreachable(struct master *m, struct agent *agent,
                            int64_t now_ms, struct outputs *out)
{
    output_log(out, 1, "agent_unreachable agent=%s", agent->id);
    close_stream(m, agent, out);
    withdraw_offers(m, agent, now_ms, out);
    inverse_forget_agent(m, agent, out);
    agent_leave_allocator(m, agent);
    agent_set_state(m, agent, AGENT_UNREACHABLE);
    agent->unreachable_ms = now_ms;
    agent->ping_at_ms = 0;
    output_add(out, OUTPUT_PERSIST_AGENT)->agent = agent;
    struct task *task, *next;
    DL_FOREACH_SAFE2(agent->tasks, task, next, agent_next)
    lose_task(m, task, now_ms, out);
    agent_tell_lost(m, agent, out);
    m->counters.agents_unreachable_completed++;
    m->counters.agent_removals++;
}

/* --- removing for good --- */

/* Tasks that are listed as unreachable on an agent that will not return. */
static void end_unreachable(struct master *m, const struct agent *agent,
                            const char *text, int64_t now_ms,
                            struct outputs *out)
{
    for (struct framework *f = m->frameworks; f; f = f->hh.next) {
        struct task *task, *next;
        HASH_ITER(hh, f->unreachable, task, next)
        {
            if (strcmp(task->agent_id, agent->id) == 0)
                task_end(m, task, TASK_STATE_LOST, STATUS_REASON_AGENT_REMOVED,
                         text, now_ms, out);
        }
    }
}

void agent_remove(struct master *m, struct agent *agent, const char *why,
                  int64_t now_ms, struct outputs *out)
{
    char text[ERR_TEXT_MAX];
    snprintf(text, sizeof text, "Agent %s removed: %s", agent->hostname, why);
    output_log(out, 2, "agent_removed agent=%s", agent->id);
    close_stream(m, agent, out);
    agent_leave_allocator(m, agent);
    struct task *task, *next;
    DL_FOREACH_SAFE2(agent->tasks, task, next, agent_next)
    task_end(m, task, TASK_STATE_LOST, STATUS_REASON_AGENT_REMOVED, text,
             now_ms, out);
    if (agent->state == AGENT_UNREACHABLE)
        end_unreachable(m, agent, text, now_ms, out);
    withdraw_offers(m, agent, now_ms, out);
    inverse_forget_agent(m, agent, out);
    agent_tell_lost(m, agent, out);
    output_add(out, OUTPUT_FORGET_AGENT)->agent_id =
        output_text(out, agent->id);
    m->counters.agent_removals++;
    agent_set_state(m, agent, AGENT_UNREACHABLE);
    HASH_DELETE(by_number, m->agents_by_number, agent);
    HASH_DEL(m->agents, agent);
    agent_free(agent);
}

void master_agent_unsubscribe(struct master *m, struct agent *agent,
                              int64_t now_ms, struct outputs *out)
{
    agent_remove(m, agent, "the agent unregistered", now_ms, out);
}

/* --- what agents say --- */

void master_executor_exited(struct master *m, struct agent *agent,
                            const char *framework_id, const char *executor_id,
                            int32_t status, bool is_command_executor,
                            int64_t now_ms, struct outputs *out)
{
    struct executor *executor = executor_find(agent, framework_id, executor_id);
    if (executor)
        executor_remove(m, executor, true, now_ms);
    const struct framework *f = master_framework(m, framework_id);
    if (!f || is_command_executor)
        return;
    struct output *failure = framework_output(out, f, OUTPUT_FAILURE);
    if (!failure)
        return;
    failure->agent_id = output_text(out, agent->id);
    failure->executor_id = output_text(out, executor_id);
    failure->number = status;
}

void master_agent_message(struct master *m, const struct agent *agent,
                          const char *framework_id, const char *executor_id,
                          struct bytes data, struct outputs *out)
{
    const struct framework *f = master_framework(m, framework_id);
    struct output *output =
        f ? framework_output(out, f, OUTPUT_FRAMEWORK_MESSAGE) : NULL;
    if (!output)
        return;
    output->agent_id = output_text(out, agent->id);
    output->executor_id = output_text(out, executor_id);
    output->blob = blob_new(data);
}

/* --- status updates --- */

static void acknowledge(const struct agent *agent, const struct update *in,
                        struct outputs *out)
{
    struct output *ack = agent_output(out, agent, OUTPUT_ACKNOWLEDGE);
    if (!ack)
        return;
    ack->framework_id = output_text(out, in->framework_id);
    ack->task_id = output_text(out, in->task_id);
    ack->uuid = in->uuid;
}

static bool forward(const struct framework *f, const struct update *in,
                    struct outputs *out)
{
    struct output *output = framework_output(out, f, OUTPUT_UPDATE);
    if (!output)
        return false; /* the agent will send it again */
    output->task_id = output_text(out, in->task_id);
    output->state = in->status.state;
    output->blob = blob_ref(in->forward);
    return true;
}

/* A task that is listed as completed. What the framework acknowledged already
 * is taken off the agent's hands; what contradicts the end it was told is
 * swallowed, and the task, which may live, is killed. An end that was only
 * reported, and then its agent was lost, is still to be acknowledged. */
static void update_completed(const struct agent *agent, struct task *task,
                             const struct update *in, struct outputs *out)
{
    if (!task->is_told_end && !task->is_acknowledged) {
        if (!forward(task->framework, in, out))
            return;
        task->has_update = true;
        task->update_state = in->status.state;
        task->update_uuid = in->uuid;
        return;
    }
    acknowledge(agent, in, out);
    if (task_state_is_terminal(in->latest_state))
        return;
    struct output *kill = agent_output(out, agent, OUTPUT_KILL);
    if (!kill)
        return;
    kill->framework_id = output_text(out, in->framework_id);
    kill->task_id = output_text(out, in->task_id);
}

static void update_known(struct master *m, struct task *task,
                         const struct update *in, int64_t now_ms,
                         struct outputs *out)
{
    bool is_again =
        task->has_update && uuid_equal(&task->update_uuid, &in->uuid);
    if (task->has_update && task_state_is_terminal(task->update_state) &&
        !is_again)
        return; /* nothing comes after the end */
    if (!forward(task->framework, in, out)) {
        m->counters.updates_invalid++;
    } else {
        m->counters.updates_valid++;
        task->has_update = true;
        task->update_state = in->status.state;
        task->update_uuid = in->uuid;
    }
    if (!is_again)
        task_add_status(task, &in->status);
    if (task_state_is_terminal(task->state))
        return;
    task->state = in->latest_state;
    if (task_state_is_terminal(task->state)) {
        m->counters.tasks_ended[task->state]++;
        task_uncharge(m, task, now_ms);
    }
}

/* The agent does not have the task: it is over, and nobody acknowledges it. */
static void take_notice(struct master *m, const struct agent *agent,
                        struct framework *f, const struct update *in,
                        int64_t now_ms, struct outputs *out)
{
    struct task *task = find_task(f->tasks, in->task_id);
    if (!task || task->agent != agent) {
        if (!find_task(f->completed, in->task_id))
            (void)forward(f, in, out);
        return;
    }
    if (!task_state_is_terminal(task->state)) {
        (void)forward(f, in, out);
        task->state = in->status.state;
        m->counters.tasks_ended[task->state]++;
        task_add_status(task, &in->status);
    }
    task_uncharge(m, task, now_ms);
    task_leave_agent(task);
    task_complete(m, task);
}

void master_update(struct master *m, struct agent *agent,
                   const struct update *in, int64_t now_ms, struct outputs *out)
{
    struct framework *f = master_framework(m, in->framework_id);
    if (in->is_notice) {
        if (f)
            take_notice(m, agent, f, in, now_ms, out);
        return;
    }
    if (!f) {
        /* Torn down: nobody else will ever acknowledge it. */
        m->counters.updates_invalid++;
        acknowledge(agent, in, out);
        return;
    }
    struct task *task = find_task(f->tasks, in->task_id);
    if (task && task->agent == agent) {
        update_known(m, task, in, now_ms, out);
        return;
    }
    m->counters.updates_invalid++;
    struct task *completed = find_task(f->completed, in->task_id);
    if (completed && strcmp(completed->agent_id, agent->id) == 0)
        update_completed(agent, completed, in, out);
    else
        (void)forward(f, in, out);
}
