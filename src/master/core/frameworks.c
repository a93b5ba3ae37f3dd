#include "master/core/internal.h"
#include <assert.h>
#include <stdio.h>

struct framework *master_framework(const struct master *m, const char *id)
{
    struct framework *f;
    HASH_FIND_STR(m->frameworks, id, f);
    return f;
}

struct framework *master_completed_framework(const struct master *m,
                                             const char *id)
{
    struct framework *f;
    HASH_FIND_STR(m->completed, id, f);
    return f;
}

char *master_new_framework_id(struct master *m, char out[ID_MAX])
{
    do {
        snprintf(out, ID_MAX, "%s-%04llu", m->id,
                 (unsigned long long)m->next_framework++);
    } while (master_framework(m, out) || master_completed_framework(m, out));
    return out;
}

static void set_head(struct framework *f, const struct framework_head *head)
{
    char *name = xstrdup(head->name);
    char *principal = head->principal ? xstrdup(head->principal) : NULL;
    struct blob *info = blob_new(head->info);
    free(f->name);
    free(f->principal);
    blob_unref(f->info);
    f->name = name;
    f->principal = principal;
    f->info = info;
    f->flags = head->flags;
    f->failover_timeout_ms = head->failover_timeout_ms;
    string_list_set(&f->roles, head->role, head->role_count);
}

static void tell_allocator(struct master *m, const struct framework *f,
                           char *const *suppressed, uint32_t suppressed_count)
{
    struct allocator_framework wanted = {
        .number = f->number,
        .id = f->id,
        .role = f->roles.item,
        .role_count = f->roles.count,
        .suppressed_role = suppressed,
        .suppressed_count = suppressed_count,
        .takes_gpus = f->flags & FRAMEWORK_GPU_RESOURCES,
        .takes_revocable = f->flags & FRAMEWORK_REVOCABLE_RESOURCES,
    };
    allocator_set_framework(m->allocator, &wanted);
}

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
static void index_framework(struct master *m, struct framework *f)
{
    HASH_ADD_KEYPTR(hh, m->frameworks, f->id, strlen(f->id), f);
    HASH_ADD(by_number, m->frameworks_by_number, number, sizeof f->number, f);
}

struct framework *framework_new(struct master *m,
                                const struct framework_head *head)
{
    struct framework *f = xcalloc(1, sizeof *f);
    f->number = ++m->next_number;
    f->id = xstrdup(head->id);
    set_head(f, head);
    index_framework(m, f);
    tell_allocator(m, f, NULL, 0);
    return f;
}

static void free_tasks(struct task **tasks)
{
    struct task *task, *next;
    HASH_ITER(hh, *tasks, task, next)
    {
        HASH_DEL(*tasks, task);
        task_leave_agent(task);
        task_free(task);
    }
}

void framework_free(struct framework *f)
{
    free_tasks(&f->tasks);
    free_tasks(&f->unreachable);
    free_tasks(&f->completed);
    while (f->executors)
        executor_remove(NULL, f->executors, false, 0);
    string_list_release(&f->roles);
    vec_free(&f->fresh);
    vec_free(&f->asked);
    blob_unref(f->info);
    free(f->id);
    free(f->name);
    free(f->principal);
    free(f);
}

const char *master_subscribe_problem(const struct master *m,
                                     const struct framework_head *head)
{
    if (master_completed_framework(m, head->id))
        return "Framework has been removed";
    const struct framework *f = master_framework(m, head->id);
    if (!f && HASH_COUNT(m->frameworks) >= MASTER_FRAMEWORKS_MAX)
        return "Too many frameworks are subscribed";
    /* One that has none yet, from before its master asked, may be given it. */
    if (f && f->principal &&
        (!head->principal || strcmp(f->principal, head->principal) != 0))
        return "Changing framework's principal is not allowed.";
    return NULL;
}

/* The resources of its offers are free; nobody is told. */
static void withdraw_offers(struct master *m, struct framework *f,
                            int64_t now_ms, struct outputs *out)
{
    struct filters none = {.refusal = REFUSE_NOTHING};
    while (f->offers)
        offer_withdraw(m, f->offers, false, none, now_ms, out);
    inverse_withdraw_framework(m, f);
}

static void close_stream(struct master *m, struct framework *f,
                         const char *error, struct outputs *out)
{
    if (f->stream == 0)
        return;
    if (error)
        framework_output(out, f, OUTPUT_ERROR)->text = output_text(out, error);
    (void)framework_output(out, f, OUTPUT_END);
    link_remove(m, f->stream);
    f->stream = 0;
    f->stream_id[0] = '\0';
    f->heartbeat_at_ms = 0;
}

static void beat(struct master *m, struct framework *f, int64_t now_ms,
                 struct outputs *out)
{
    (void)framework_output(out, f, OUTPUT_HEARTBEAT);
    f->heartbeat_at_ms = now_ms + m->config.heartbeat_interval_ms;
    heap_push(&m->timers, f->heartbeat_at_ms, TIMER_HEARTBEAT, f->number);
}

void framework_on_heartbeat(struct master *m, struct framework *f,
                            int64_t now_ms, struct outputs *out)
{
    assert(f->stream != 0);
    beat(m, f, now_ms, out);
}

/* Its agents learn what changed, and may send again what waits for it. */
static void tell_agents(struct master *m, struct framework *f,
                        struct outputs *out)
{
    uint64_t mark = ++m->next_mark;
    for (struct task *task = f->tasks; task; task = task->hh.next) {
        if (!task->agent || task->agent->mark == mark)
            continue;
        task->agent->mark = mark;
        struct output *output =
            agent_output(out, task->agent, OUTPUT_UPDATE_FRAMEWORK);
        if (output)
            output->framework = f;
    }
}

static void open_stream(struct master *m, struct framework *f, uint64_t stream,
                        int media)
{
    struct uuid uuid = uuid_random(&m->rng);
    f->stream = stream;
    f->media = media;
    uuid_text(&uuid, f->stream_id);
    link_add(m, stream, false, f->number);
}

struct framework *master_subscribe(struct master *m,
                                   const struct framework_head *head,
                                   char *const *suppressed_role,
                                   uint32_t suppressed_count, uint64_t stream,
                                   int media, int64_t now_ms,
                                   struct outputs *out)
{
    assert(!master_subscribe_problem(m, head));
    struct framework *f = master_framework(m, head->id);
    if (f) {
        close_stream(m, f, "Framework failed over", out);
        withdraw_offers(m, f, now_ms, out);
        set_head(f, head);
        if (!f->is_recovered || f->registered_ms)
            f->reregistered_ms = now_ms;
    } else {
        f = framework_new(m, head);
        f->registered_ms = now_ms;
    }
    f->is_recovered = false;
    f->unregistered_ms = f->failover_at_ms = 0;
    open_stream(m, f, stream, media);
    output_add(out, OUTPUT_PERSIST_FRAMEWORK)->framework = f;
    (void)framework_output(out, f, OUTPUT_SUBSCRIBED);
    beat(m, f, now_ms, out);
    tell_allocator(m, f, suppressed_role, suppressed_count);
    allocator_set_framework_active(m->allocator, f->number, true);
    inverse_wake_framework(m, f, now_ms);
    tell_agents(m, f, out);
    return f;
}

/* One timer per framework: a later deadline is found when it fires, so that a
 * framework that comes and goes leaves no trail of timers. */
void framework_expect(struct master *m, struct framework *f, int64_t at_ms)
{
    f->failover_at_ms = at_ms;
    if (f->failover_timer_ms != 0 && f->failover_timer_ms <= at_ms)
        return;
    f->failover_timer_ms = at_ms;
    heap_push(&m->timers, at_ms, TIMER_FAILOVER, f->number);
}

void framework_on_failover_time(struct master *m, struct framework *f,
                                int64_t now_ms, struct outputs *out)
{
    f->failover_timer_ms = 0;
    if (f->failover_at_ms == 0)
        return; /* it came back */
    if (f->failover_at_ms > now_ms) {
        framework_expect(m, f, f->failover_at_ms);
        return;
    }
    output_log(out, 2, "framework_failover_timeout framework=%s", f->id);
    master_remove_framework(m, f, now_ms, out);
}

void framework_disconnect(struct master *m, struct framework *f, int64_t now_ms,
                          struct outputs *out)
{
    assert(f->stream != 0);
    output_log(out, 2, "framework_disconnected framework=%s", f->id);
    f->stream = 0; /* the link is gone already */
    f->stream_id[0] = '\0';
    f->heartbeat_at_ms = 0;
    f->unregistered_ms = now_ms;
    allocator_set_framework_active(m->allocator, f->number, false);
    withdraw_offers(m, f, now_ms, out);
    if (f->failover_timeout_ms == 0) {
        master_remove_framework(m, f, now_ms, out);
        return;
    }
    framework_expect(m, f, now_ms + f->failover_timeout_ms);
}

/* --- the end of a framework --------------------------------------------------
 */

static void shut_down_on_agents(struct master *m, struct framework *f,
                                struct outputs *out)
{
    uint64_t mark = ++m->next_mark;
    struct executor *executor;
    for (struct task *task = f->tasks; task; task = task->hh.next) {
        if (!task->agent || task->agent->mark == mark)
            continue;
        task->agent->mark = mark;
        struct output *output =
            agent_output(out, task->agent, OUTPUT_SHUTDOWN_FRAMEWORK);
        if (output)
            output->framework_id = output_text(out, f->id);
    }
    DL_FOREACH(f->executors, executor)
    {
        if (executor->agent->mark == mark)
            continue;
        executor->agent->mark = mark;
        struct output *output =
            agent_output(out, executor->agent, OUTPUT_SHUTDOWN_FRAMEWORK);
        if (output)
            output->framework_id = output_text(out, f->id);
    }
}

static void end_tasks(struct master *m, struct framework *f,
                      struct task **tasks, int64_t now_ms)
{
    struct task *task, *next;
    HASH_ITER(hh, *tasks, task, next)
    {
        if (!task_state_is_terminal(task->state)) {
            task->state = TASK_STATE_KILLED;
            m->counters.tasks_ended[TASK_STATE_KILLED]++;
            task_add_status(task, &(struct status){
                                      .state = TASK_STATE_KILLED,
                                      .reason = STATUS_REASON_FRAMEWORK_REMOVED,
                                      .message = "Framework removed",
                                      .at_ms = now_ms});
        }
        task_uncharge(m, task, now_ms);
        task_leave_agent(task);
        task_complete(m, task);
    }
    assert(!f->tasks || tasks != &f->tasks);
}

/* NOLINTNEXTLINE(readability-function-size): macros of uthash */
static void move_to_completed(struct master *m, struct framework *f)
{
    HASH_DELETE(by_number, m->frameworks_by_number, f);
    HASH_DEL(m->frameworks, f);
    HASH_ADD_KEYPTR(hh, m->completed, f->id, strlen(f->id), f);
}

static void forget_completed(struct master *m, struct framework *f,
                             struct outputs *out)
{
    HASH_DEL(m->completed, f);
    for (uint32_t i = 0; out && i < out->count; i++)
        if (out->item[i].framework == f &&
            out->item[i].kind == OUTPUT_PERSIST_COMPLETED)
            out->item[i].framework = NULL; /* asked for a moment ago */
    if (out)
        output_add(out, OUTPUT_FORGET_COMPLETED)->framework_id =
            output_text(out, f->id);
    framework_free(f);
}

/* Keep what /state shows of a removed framework, and refuse its id. `out` is
 * NULL while restoring. */
void master_complete_framework(struct master *m, struct framework *f,
                               int64_t now_ms, struct outputs *out)
{
    allocator_remove_framework(m->allocator, f->number);
    move_to_completed(m, f);
    f->unregistered_ms = now_ms;
    f->failover_at_ms = 0;
    if (out) {
        struct output *forget = output_add(out, OUTPUT_FORGET_FRAMEWORK);
        forget->framework_id = output_text(out, f->id);
        output_add(out, OUTPUT_PERSIST_COMPLETED)->framework = f;
    }
    struct framework *oldest, *next;
    HASH_ITER(hh, m->completed, oldest, next)
    {
        if ((int64_t)HASH_COUNT(m->completed) <=
            m->config.max_completed_frameworks)
            break;
        forget_completed(m, oldest, out);
    }
}

void master_remove_framework(struct master *m, struct framework *f,
                             int64_t now_ms, struct outputs *out)
{
    output_log(out, 2, "framework_removed framework=%s", f->id);
    close_stream(m, f, NULL, out);
    allocator_set_framework_active(m->allocator, f->number, false);
    withdraw_offers(m, f, now_ms, out);
    inverse_forget_framework(m, f);
    shut_down_on_agents(m, f, out);
    end_tasks(m, f, &f->tasks, now_ms);
    end_tasks(m, f, &f->unreachable, now_ms);
    while (f->executors)
        executor_remove(m, f->executors, true, now_ms);
    master_complete_framework(m, f, now_ms, out);
}

/* --- wanting offers --- */

void master_suppress(struct master *m, struct framework *f, char *const *role,
                     uint32_t count)
{
    if (count == 0)
        allocator_suppress(m->allocator, f->number, NULL);
    for (uint32_t i = 0; i < count; i++)
        allocator_suppress(m->allocator, f->number, role[i]);
}

void master_revive(struct master *m, struct framework *f, char *const *role,
                   uint32_t count, int64_t now_ms)
{
    inverse_revive(m, f, now_ms);
    if (count == 0)
        allocator_revive(m->allocator, f->number, NULL);
    for (uint32_t i = 0; i < count; i++)
        allocator_revive(m->allocator, f->number, role[i]);
}
