#include "master/core/internal.h"
#include <assert.h>
#include <stdio.h>

/* --- are these offers good? --- */

static bool is_duplicate(const char *const *offer_id, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++)
        if (strcmp(offer_id[i], offer_id[at]) == 0)
            return true;
    return false;
}

static bool duplicate_problem(const char *const *offer_id, uint32_t count,
                              struct buf *text)
{
    for (uint32_t i = 0; i < count; i++) {
        if (is_duplicate(offer_id, i)) {
            buf_addf(text, "Duplicate offer %s in offer list", offer_id[i]);
            return true;
        }
    }
    return false;
}

static bool one_offer_problem(const struct master *m, const struct framework *f,
                              const char *id, struct buf *text)
{
    const struct offer *offer = master_offer(m, id);
    if (!offer)
        buf_addf(text, "Offer %s is no longer valid", id);
    else if (offer->framework != f)
        buf_addf(text,
                 "Offer %s has invalid framework %s while framework %s is "
                 "expected",
                 id, offer->framework->id, f->id);
    return text->size > 0;
}

static bool agreement_problem(const struct master *m,
                              const char *const *offer_id, uint32_t count,
                              struct buf *text)
{
    const struct offer *first = master_offer(m, offer_id[0]);
    for (uint32_t i = 1; i < count; i++) {
        const struct offer *offer = master_offer(m, offer_id[i]);
        if (strcmp(offer->role, first->role) != 0) {
            buf_addf(text,
                     "Aggregated offers must be allocated to the same role. "
                     "Offer %s uses role '%s but another is using role '%s",
                     offer_id[i], offer->role, first->role);
            return true;
        }
        if (offer->agent != first->agent) {
            buf_addf(text,
                     "Aggregated offers must belong to one single agent. Offer "
                     "%s uses agent %s and agent %s",
                     offer_id[i], offer->agent->id, first->agent->id);
            return true;
        }
    }
    return false;
}

static bool offers_problem(const struct master *m, const struct framework *f,
                           const char *const *offer_id, uint32_t count,
                           struct buf *text)
{
    if (count == 0) {
        buf_add_text(text, "No offers specified");
        return true;
    }
    if (count > MASTER_OFFERS_PER_ACCEPT) {
        buf_addf(text, "More than %d offers specified",
                 MASTER_OFFERS_PER_ACCEPT);
        return true;
    }
    if (duplicate_problem(offer_id, count, text))
        return true;
    for (uint32_t i = 0; i < count; i++)
        if (one_offer_problem(m, f, offer_id[i], text))
            return true;
    return agreement_problem(m, offer_id, count, text);
}

/* --- refusing --- */

static void refuse_operation(const struct framework *f,
                             const struct operation *operation,
                             const char *text, struct outputs *out)
{
    if (!operation->id) {
        output_log(out, 1, "operation_dropped framework=%s operation=%s", f->id,
                   operation->name);
        return;
    }
    struct output *output = framework_output(out, f, OUTPUT_OPERATION_ERROR);
    if (!output)
        return;
    output->task_id = output_text(out, operation->id);
    output->text = output_text(out, text);
}

static void refuse_tasks(struct master *m, const struct framework *f,
                         const struct operation *operation,
                         enum task_state state, enum status_reason reason,
                         const char *text, struct outputs *out)
{
    for (uint32_t i = 0; i < operation->task_count; i++) {
        m->counters.tasks_ended[state]++;
        tell_status(out, f, operation->task[i].id, operation->task[i].agent_id,
                    state, reason, text, 0, NULL);
    }
}

static void refuse_all(struct master *m, struct framework *f,
                       const char *const *offer_id, uint32_t offer_count,
                       const struct operation *operation,
                       uint32_t operation_count, const char *problem,
                       int64_t now_ms, struct outputs *out)
{
    struct filters until_tick = {.refusal = REFUSE_UNTIL_TICK};
    for (uint32_t i = 0; i < offer_count; i++) {
        struct offer *offer = master_offer(m, offer_id[i]);
        if (offer && offer->framework == f)
            offer_withdraw(m, offer, false, until_tick, now_ms, out);
    }
    struct buf text = {0};
    for (uint32_t i = 0; i < operation_count; i++) {
        buf_clear(&text);
        if (operation[i].kind == OPERATION_OTHER) {
            buf_addf(&text, "Operation attempted with invalid offers: %s",
                     problem);
            refuse_operation(f, &operation[i], buf_text(&text), out);
        } else {
            buf_addf(&text, "Task launched with invalid offers: %s", problem);
            refuse_tasks(m, f, &operation[i],
                         framework_view(f, TASK_STATE_DROPPED),
                         STATUS_REASON_INVALID_OFFERS, buf_text(&text), out);
        }
    }
    buf_release(&text);
}

/* --- launching --- */

struct launch { /* what an ACCEPT works on */
    struct framework *f;
    struct agent *agent;
    char *role;
    struct resources left; /* of the offers, allocated to role */
    uint32_t launched;
};

static void add_executor(struct launch *launch, const struct task_head *head)
{
    if (executor_find(launch->agent, launch->f->id, head->executor.id))
        return;
    struct resources resources;
    resources_copy(&resources, &head->executor.resources);
    resources_allocate(&resources, launch->role);
    resources_subtract(&launch->left, &resources);
    (void)executor_add(launch->agent, launch->f, head->executor.id,
                       launch->role, &resources, head->executor.info);
    resources_release(&resources);
}

static void launch_task(struct master *m, struct launch *launch,
                        const struct task_head *head, struct outputs *out)
{
    struct task *task = task_new(launch->f, head->id);
    task->agent_id = xstrdup(launch->agent->id);
    task->executor_id = xstrdup(head->has_executor ? head->executor.id : "");
    task->role = xstrdup(launch->role);
    task->about = blob_new(head->about);
    task->state = TASK_STATE_STAGING;
    resources_copy(&task->resources, &head->resources);
    resources_allocate(&task->resources, launch->role);
    resources_subtract(&launch->left, &task->resources);
    task->is_charged = true;
    task_join_agent(task, launch->agent);
    if (head->has_executor)
        add_executor(launch, head);
    struct output *run = agent_output(out, launch->agent, OUTPUT_RUN);
    assert(run); /* there are no offers of an agent without a stream */
    run->framework = launch->f;
    run->task_id = task->id;
    run->blob = blob_new(head->info);
    if (head->has_executor)
        run->blob2 = blob_new(head->executor.info);
    launch->launched++;
    m->counters.tasks_launched++;
}

static void launch_tasks(struct master *m, struct launch *launch,
                         const struct operation *operation, struct outputs *out)
{
    struct buf text = {0};
    for (uint32_t i = 0; i < operation->task_count; i++) {
        const struct task_head *head = &operation->task[i];
        buf_clear(&text);
        if (!task_problem(launch->f, launch->agent, head, &launch->left,
                          launch->role, &text)) {
            launch_task(m, launch, head, out);
            continue;
        }
        m->counters.tasks_ended[TASK_STATE_ERROR]++;
        tell_status(out, launch->f, head->id, head->agent_id, TASK_STATE_ERROR,
                    STATUS_REASON_TASK_INVALID, buf_text(&text), 0, NULL);
    }
    buf_release(&text);
}

static void perform(struct master *m, struct launch *launch,
                    const struct operation *operation, struct outputs *out)
{
    char text[ERR_TEXT_MAX];
    switch (operation->kind) {
    case OPERATION_LAUNCH:
        if (operation->problem || operation->id)
            refuse_tasks(m, launch->f, operation, TASK_STATE_ERROR,
                         STATUS_REASON_TASK_INVALID,
                         operation->problem
                             ? operation->problem
                             : "The `id` field cannot be set on LAUNCH "
                               "operations",
                         out);
        else
            launch_tasks(m, launch, operation, out);
        return;
    case OPERATION_LAUNCH_GROUP:
        refuse_tasks(m, launch->f, operation, TASK_STATE_ERROR,
                     STATUS_REASON_TASK_GROUP_INVALID,
                     "LAUNCH_GROUP is not supported by this master", out);
        return;
    case OPERATION_OTHER:
        snprintf(text, sizeof text, "%s is not supported by this master",
                 operation->name);
        refuse_operation(launch->f, operation, text, out);
        return;
    case OPERATION_NONE:
        return;
    }
}

/* What is left goes back. When something was launched and the framework asks
 * for no filter, it may have the rest at once; when nothing was, it waits for
 * the next tick, or an idle framework and we would play ball. */
static void give_back(struct master *m, struct launch *launch,
                      struct filters filters, int64_t now_ms)
{
    if (launch->launched > 0 && filters.refusal == REFUSE_UNTIL_TICK)
        filters.refusal = REFUSE_NOTHING;
    allocator_recover(m->allocator, launch->f->number, launch->agent->number,
                      launch->role, &launch->left, filters.refusal,
                      filters.refuse_ms, now_ms);
}

void master_accept(struct master *m, struct framework *f,
                   const char *const *offer_id, uint32_t offer_count,
                   const struct operation *operation, uint32_t operation_count,
                   struct filters filters, int64_t now_ms, struct outputs *out)
{
    struct buf problem = {0};
    if (offers_problem(m, f, offer_id, offer_count, &problem)) {
        refuse_all(m, f, offer_id, offer_count, operation, operation_count,
                   buf_text(&problem), now_ms, out);
        buf_release(&problem);
        return;
    }
    const struct offer *first = master_offer(m, offer_id[0]);
    struct launch launch = {
        .f = f, .agent = first->agent, .role = xstrdup(first->role)};
    for (uint32_t i = 0; i < offer_count; i++) {
        struct offer *offer = master_offer(m, offer_id[i]);
        resources_add(&launch.left, &offer->resources);
        offer_forget(m, offer);
        m->counters.offers_accepted++;
    }
    for (uint32_t i = 0; i < operation_count; i++)
        perform(m, &launch, &operation[i], out);
    give_back(m, &launch, filters, now_ms);
    if (launch.launched > 0)
        inverse_wake(m, launch.agent, now_ms);
    resources_release(&launch.left);
    free(launch.role);
}
