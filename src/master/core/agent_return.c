/* An agent subscribes: for the first time, again, or after it was given up.
 * What it says it runs is held against what the master knows. */
#include "master/core/internal.h"
#include <assert.h>
#include <stdio.h>

static struct agent *agent_at(const struct master *m, const char *ip,
                              int32_t port)
{
    for (struct agent *a = m->agents; a; a = a->hh.next)
        if (a->port == port && strcmp(a->ip, ip) == 0 &&
            a->state != AGENT_UNREACHABLE)
            return a;
    return NULL;
}

char *master_new_agent_id(struct master *m, const char *ip, int32_t port,
                          char out[ID_MAX])
{
    const struct agent *same = agent_at(m, ip, port);
    if (same && !same->is_confirmed) {
        snprintf(out, ID_MAX, "%s", same->id);
        return out;
    }
    do {
        snprintf(out, ID_MAX, "%s-S%llu", m->id,
                 (unsigned long long)m->next_agent++);
    } while (master_agent(m, out));
    return out;
}

/* --- is there room? ---------------------------------------------------------
 */

static bool make_room(struct master *m, int64_t now_ms, struct outputs *out)
{
    if (HASH_COUNT(m->agents) < MASTER_AGENTS_MAX)
        return true;
    struct agent *oldest = NULL;
    for (struct agent *a = m->agents; a; a = a->hh.next)
        if (a->state == AGENT_UNREACHABLE &&
            (!oldest || a->unreachable_ms < oldest->unreachable_ms))
            oldest = a;
    if (oldest)
        agent_remove(m, oldest, "too many agents are unreachable", now_ms, out);
    return oldest != NULL;
}

/* Everything it says it uses must be there. */
static bool uses_too_much(const struct agent_subscribe *in)
{
    struct resources used = {0};
    for (uint32_t i = 0; i < in->task_count; i++)
        if (!task_state_is_terminal(in->task[i].state))
            resources_add(&used, &in->task[i].resources);
    for (uint32_t i = 0; i < in->executor_count; i++)
        resources_add(&used, &in->executor[i].resources);
    resources_allocate(&used, "");
    bool is_too_much = !resources_contain(&in->total, &used);
    resources_release(&used);
    return is_too_much;
}

/* --- tasks ------------------------------------------------------------------
 */

static void send_shutdown(const struct agent *agent, const char *framework_id,
                          struct outputs *out)
{
    struct output *output = agent_output(out, agent, OUTPUT_SHUTDOWN_FRAMEWORK);
    output->framework_id = output_text(out, framework_id);
}

static void kill_reported(const struct agent *agent,
                          const struct task_report *report, struct outputs *out)
{
    if (task_state_is_terminal(report->state))
        return;
    struct output *kill = agent_output(out, agent, OUTPUT_KILL);
    kill->framework_id = output_text(out, report->framework_id);
    kill->task_id = output_text(out, report->id);
}

static bool charge(struct master *m, const struct framework *f,
                   const struct agent *agent, const char *role,
                   const struct resources *resources)
{
    bool fits =
        allocator_use(m->allocator, f->number, agent->number, role, resources);
    assert(fits); /* uses_too_much() said so */
    return fits;
}

/* The agent knows best what is really in use. */
static void set_resources(struct task *task, const struct task_report *report)
{
    resources_release(&task->resources);
    resources_copy(&task->resources, &report->resources);
    resources_allocate(&task->resources, task->role);
}

static struct task *learn_task(struct framework *f, struct agent *agent,
                               const struct task_report *report)
{
    struct task *task = task_new(f, report->id);
    task->agent_id = xstrdup(agent->id);
    task->executor_id = xstrdup(report->executor_id);
    task->role = xstrdup(report->role);
    task->about = blob_new(report->about);
    task->state = report->state;
    for (uint32_t i = 0; i < report->status_count; i++)
        task_add_status(task, &report->status[i]);
    return task;
}

static void tell_reachable(const struct task *task, struct outputs *out)
{
    const struct status *last = task_last_status(task);
    tell_status(out, task->framework, task->id, task->agent_id, task->state,
                STATUS_REASON_AGENT_REREGISTERED,
                "Unreachable agent re-reregistered", 0,
                last ? last->wire : NULL);
}

/* A task the framework was told is over stays over. */
static bool is_refused(struct framework *f, const struct agent *agent,
                       const struct task_report *report)
{
    const struct task *completed = find_task(f->completed, report->id);
    const struct task *listed = find_task(f->tasks, report->id);
    if (listed) /* elsewhere, or reported twice */
        return listed->agent || strcmp(listed->agent_id, agent->id) != 0;
    const struct task *lost = find_task(f->unreachable, report->id);
    if (lost && strcmp(lost->agent_id, agent->id) != 0)
        return true;
    return completed && strcmp(completed->agent_id, agent->id) == 0;
}

static void take_task(struct master *m, struct agent *agent,
                      const struct task_report *report, bool was_unreachable,
                      struct outputs *out)
{
    struct framework *f = master_framework(m, report->framework_id);
    if (!f) /* shut down already */
        return;
    if (is_refused(f, agent, report)) {
        kill_reported(agent, report, out);
        return;
    }
    struct task *task = find_task(f->tasks, report->id);
    struct task *lost = find_task(f->unreachable, report->id);
    if (!task && lost && strcmp(lost->agent_id, agent->id) == 0) {
        task_set_reachable(lost);
        lost->state = report->state;
        if (report->status_count > 0)
            task_add_status(lost, &report->status[report->status_count - 1]);
        tell_reachable(lost, out);
        task = lost;
    }
    if (!task) {
        task = learn_task(f, agent, report);
        /* Told to be unreachable before this master began. */
        if (was_unreachable && (f->flags & FRAMEWORK_PARTITION_AWARE))
            tell_reachable(task, out);
    }
    set_resources(task, report);
    if (!task_state_is_terminal(task->state))
        task->state = report->state;
    task_join_agent(task, agent);
    if (!task_state_is_terminal(task->state))
        task->is_charged = charge(m, f, agent, task->role, &report->resources);
    task_resend_kill(task, out);
}

/* Tasks of ours that the agent has too carry a new mark. */
static uint64_t mark_reported(struct master *m,
                              const struct agent_subscribe *in)
{
    uint64_t mark = ++m->next_mark;
    for (uint32_t i = 0; i < in->task_count; i++) {
        const struct framework *f =
            master_framework(m, in->task[i].framework_id);
        struct task *task = f ? find_task(f->tasks, in->task[i].id) : NULL;
        if (task)
            task->mark = mark;
    }
    return mark;
}

/* Known here, not there. The event that launched it may have been lost with
 * the old stream; the agent answers with an update. Its resources stay charged
 * until then. */
static void ask_for(struct master *m, struct agent *agent, struct task *task,
                    int64_t now_ms, struct outputs *out)
{
    if (task_state_is_terminal(task->state)) {
        /* The agent forgot it, so it was acknowledged. */
        task_leave_agent(task);
        task_complete(m, task);
        return;
    }
    task->is_charged =
        allocator_use(m->allocator, task->framework->number, agent->number,
                      task->role, &task->resources);
    if (!task->is_charged) {
        /* No room for it, so the agent cannot run it either. */
        task_end(m, task, framework_view(task->framework, TASK_STATE_DROPPED),
                 STATUS_REASON_RECONCILIATION,
                 "Reconciliation: task is unknown to the agent", now_ms, out);
        return;
    }
    struct output *output = agent_output(out, agent, OUTPUT_RECONCILE);
    output->framework_id = output_text(out, task->framework->id);
    output->task_id = output_text(out, task->id);
}

/* Tasks that were lost with this agent and did not come back with it. */
static void end_missing(struct master *m, const struct agent *agent,
                        int64_t now_ms, struct outputs *out)
{
    for (struct framework *f = m->frameworks; f; f = f->hh.next) {
        struct task *task, *next;
        HASH_ITER(hh, f->unreachable, task, next)
        {
            if (strcmp(task->agent_id, agent->id) == 0)
                task_end(m, task, framework_view(f, TASK_STATE_GONE),
                         STATUS_REASON_AGENT_REREGISTERED,
                         "The task did not come back with its agent", now_ms,
                         out);
        }
    }
}

/* --- frameworks and executors ------------------------------------------------
 */

static void take_frameworks(struct master *m, const struct agent *agent,
                            const struct agent_subscribe *in, int64_t now_ms,
                            struct outputs *out)
{
    for (uint32_t i = 0; i < in->framework_count; i++) {
        const struct framework_head *head = &in->framework[i];
        if (master_completed_framework(m, head->id)) {
            send_shutdown(agent, head->id, out);
            continue;
        }
        if (master_framework(m, head->id))
            continue;
        /* The store knows nothing of it: it was made anew. */
        struct framework *f = framework_adopt(m, head, now_ms);
        output_add(out, OUTPUT_PERSIST_FRAMEWORK)->framework = f;
    }
    /* A framework of which the agent has only remains. */
    for (uint32_t i = 0; i < in->task_count; i++) {
        const char *id = in->task[i].framework_id;
        if (!master_framework(m, id) && !master_completed_framework(m, id))
            send_shutdown(agent, id, out);
    }
}

static void take_executors(struct master *m, struct agent *agent,
                           const struct agent_subscribe *in)
{
    for (uint32_t i = 0; i < in->executor_count; i++) {
        const struct executor_report *report = &in->executor[i];
        struct framework *f = master_framework(m, report->framework_id);
        if (!f || executor_find(agent, f->id, report->id))
            continue;
        struct executor *executor =
            executor_add(agent, f, report->id, report->role, &report->resources,
                         report->info);
        resources_allocate(&executor->resources, report->role);
        (void)charge(m, f, agent, report->role, &report->resources);
    }
}

/* --- subscribing --- */

static void set_facts(struct agent *agent, const struct agent_subscribe *in)
{
    struct blob *info = blob_new(in->info);
    free(agent->hostname);
    free(agent->ip);
    free(agent->version);
    blob_unref(agent->info);
    attributes_release(&agent->attributes);
    resources_release(&agent->total);
    agent->hostname = xstrdup(in->hostname);
    agent->ip = xstrdup(in->ip);
    agent->version = xstrdup(in->version);
    agent->port = in->port;
    agent->info = info;
    attributes_copy(&agent->attributes, &in->attributes);
    resources_copy(&agent->total, &in->total);
}

static void open_stream(struct master *m, struct agent *agent, uint64_t stream,
                        int media, struct outputs *out)
{
    if (agent->stream != 0) {
        (void)agent_output(out, agent, OUTPUT_END);
        link_remove(m, agent->stream);
    }
    agent->stream = stream;
    agent->media = media;
    agent->epoch = ++m->next_epoch;
    link_add(m, stream, true, agent->number);
    (void)agent_output(out, agent, OUTPUT_AGENT_SUBSCRIBED);
}

/* The agent as it was is forgotten by the allocator; its offers are void. */
static void step_out(struct master *m, struct agent *agent, int64_t now_ms,
                     struct outputs *out)
{
    struct filters none = {.refusal = REFUSE_NOTHING};
    while (agent->offers)
        offer_withdraw(m, agent->offers, true, none, now_ms, out);
    inverse_withdraw_agent(m, agent, out);
    agent_leave_allocator(m, agent);
}

static void reconcile(struct master *m, struct agent *agent,
                      const struct agent_subscribe *in, bool was_unreachable,
                      int64_t now_ms, struct outputs *out)
{
    take_frameworks(m, agent, in, now_ms, out);
    /* Executors and reported tasks first: they really use the machine. */
    take_executors(m, agent, in);
    VEC(struct task *) missing = {0};
    uint64_t mark = mark_reported(m, in);
    struct task *task, *next;
    DL_FOREACH_SAFE2(agent->tasks, task, next, agent_next)
    {
        if (task->mark == mark)
            task_leave_agent(task); /* joins again below */
        else
            *vec_add(&missing) = task;
    }
    for (uint32_t i = 0; i < in->task_count; i++)
        take_task(m, agent, &in->task[i], was_unreachable, out);
    for (uint32_t i = 0; i < missing.count; i++)
        ask_for(m, agent, missing.item[i], now_ms, out);
    vec_free(&missing);
}

static void remove_predecessor(struct master *m,
                               const struct agent_subscribe *in, int64_t now_ms,
                               struct outputs *out)
{
    struct agent *old = agent_at(m, in->ip, in->port);
    if (old && strcmp(old->id, in->id) != 0)
        agent_remove(m, old, "a new agent registered at the same address",
                     now_ms, out);
}

struct agent *master_agent_subscribe(struct master *m,
                                     const struct agent_subscribe *in,
                                     uint64_t stream, int media, int64_t now_ms,
                                     struct outputs *out, struct err *err)
{
    if (uses_too_much(in)) {
        err_set(err, ERR_INVALID, "agent '%s': its tasks use more than it has",
                in->id);
        return NULL;
    }
    if (in->is_first_contact)
        remove_predecessor(m, in, now_ms, out);
    struct agent *agent = master_agent(m, in->id);
    if (!agent && !make_room(m, now_ms, out)) {
        err_set(err, ERR_BUSY, "more than %d agents", MASTER_AGENTS_MAX);
        return NULL;
    }
    bool is_new = !agent;
    bool was_unreachable = agent && agent->state == AGENT_UNREACHABLE;
    if (is_new)
        agent = agent_new(m, in->id);
    else
        step_out(m, agent, now_ms, out);
    set_facts(agent, in);
    open_stream(m, agent, stream, media, out);
    if (agent->registered_ms)
        agent->reregistered_ms = now_ms;
    else
        agent->registered_ms = now_ms;
    agent->is_confirmed = !in->is_first_contact;
    agent->unreachable_ms = 0;
    agent_set_state(m, agent, AGENT_CONNECTED);
    output_add(out, OUTPUT_PERSIST_AGENT)->agent = agent;
    allocator_add_agent(m->allocator, agent->number, &agent->total);
    agent_set_window(m, agent, now_ms, out);
    inverse_wake(m, agent, now_ms);
    reconcile(m, agent, in, was_unreachable, now_ms, out);
    if (was_unreachable)
        end_missing(m, agent, now_ms, out);
    agent_start_pinging(m, agent, now_ms, out);
    if (is_new)
        m->counters.agent_registrations++;
    else
        m->counters.agent_reregistrations++;
    return agent;
}
