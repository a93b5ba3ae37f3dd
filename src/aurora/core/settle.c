/* Who has been heard of since the master's stream began; what waits for it. */
#include "aurora/core/settle.h"
#include "aurora/core/app_groups.h"
#include "aurora/core/internal.h"

#include <assert.h>

bool settle_rule(const struct settle_facts *facts, int64_t now_ms)
{
    if (!facts->is_connected)
        return false;
    return !facts->is_unheard || now_ms - facts->connected_ms >= SETTLE_MS;
}

static bool is_settled(const struct aurora *a, bool is_unheard, int64_t now_ms)
{
    struct settle_facts facts = {a->is_connected, is_unheard, a->connected_ms};

    return settle_rule(&facts, now_ms);
}

bool task_is_settled(const struct aurora *a, const struct task *task,
                     int64_t now_ms)
{
    return is_settled(a, task->is_unheard, now_ms);
}

bool job_is_settled(const struct aurora *a, const struct job *job,
                    int64_t now_ms)
{
    return is_settled(a, job->unheard > 0, now_ms);
}

static bool is_awaited(const struct aurora *a, const struct job *job)
{
    const struct app_member *member = aurora_member(a, job);

    return job->update || job_rolling(job) ||
           (member && app_group_is_busy(member->group->state)) ||
           drain_awaits_news(a, job);
}

static void look_again(struct aurora *a, struct job *job, int64_t now_ms)
{
    if (job->update)
        updater_look_again(a, job->update);
    rolling_look_again(a, job);
    app_groups_note(a, job);
    drain_look_again(a, job, now_ms);
}

void settle_note_heard(struct aurora *a, struct task *task, int64_t now_ms)
{
    if (!task->is_unheard)
        return;
    task->is_unheard = false;
    task->job->unheard--;
    updater_note_changed(a, task);
    rolling_note(a, task);
    if (task->job->unheard == 0)
        look_again(a, task->job, now_ms);
}

static void begin_job(struct aurora *a, struct job *job, int64_t now_ms)
{
    job->unheard = 0;
    for (struct task *t = job->active.first; t; t = t->next) {
        t->is_unheard = task_machine_is_assigned(t->state);
        job->unheard += t->is_unheard;
    }
    look_again(a, job, now_ms);
}

static void arm(struct aurora *a, int64_t now_ms)
{
    int64_t end_ms = a->connected_ms + SETTLE_MS;
    int64_t at_ms = now_ms + SETTLE_AGAIN_MS;

    heap_push(&a->timers, at_ms < end_ms ? at_ms : end_ms, TIMER_SETTLE,
              a->connections);
}

void settle_connected(struct aurora *a, int64_t now_ms)
{
    a->is_connected = true;
    a->connected_ms = now_ms;
    a->connections++;
    for (uint32_t i = 0; i < a->jobs.count; i++)
        begin_job(a, a->jobs.item[i], now_ms);
    arm(a, now_ms);
}

/* One call's worth of them: the others are still to be asked after. */
static void ask_again(struct aurora *a, const struct job *job)
{
    enum { ASKED_AGAIN_MAX = 1000 };
    const struct task *t = job->active.first;

    for (; t && a->work.ask_again.count < ASKED_AGAIN_MAX; t = t->next)
        if (t->is_unheard)
            *vec_add(&a->work.ask_again) = (struct task_ref){
                blob_ref(t->id), blob_ref(t->placement->agent_id)};
}

void settle_timer(struct aurora *a, uint64_t connection, int64_t now_ms)
{
    bool is_over = now_ms - a->connected_ms >= SETTLE_MS;

    if (!a->is_connected || connection != a->connections)
        return; /* of a stream that is gone */
    for (uint32_t i = 0; i < a->jobs.count; i++) {
        struct job *job = a->jobs.item[i];
        if (job->unheard == 0 || !is_awaited(a, job))
            continue;
        if (is_over)
            look_again(a, job, now_ms);
        else
            ask_again(a, job);
    }
    if (!is_over)
        arm(a, now_ms);
}

void settle_check(const struct aurora *a, const struct job *job)
{
    uint32_t unheard = 0;

    for (const struct task *t = job->active.first; t; t = t->next) {
        assert(!t->is_unheard || task_machine_is_assigned(t->state));
        unheard += t->is_unheard;
    }
    assert(unheard == job->unheard);
    assert(unheard == 0 || a->connections > 0);
}
