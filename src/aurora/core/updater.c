/* Updates under way: what changes of tasks mean to them, their states, what
 * users ask of them. Changes only mark their slots: update_work.c goes on. */
#include "aurora/core/updating.h"
#include "aurora/core/moving.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* --- what changes --- */

void updating_set_due(struct aurora *a, struct update *u)
{
    if (u->is_due)
        return;
    u->is_due = true;
    *vec_add(&a->due_updates) = u->number;
}

void updating_look_again(struct aurora *a, struct update *u, int64_t at_ms)
{
    heap_push(&a->timers, at_ms, TIMER_UPDATE,
              (uint64_t)u->number << 32 | UINT32_MAX);
}

void updating_set_changed(struct aurora *a, struct update *u, struct slot *slot)
{
    if (slot->is_changed)
        return;
    slot->is_changed = true;
    *vec_add(&u->changed) = (uint32_t)(slot - u->slot);
    updating_set_due(a, u);
}

static struct slot *slot_of(const struct job *job, uint32_t instance)
{
    return job->update ? update_slot(job->update, instance) : NULL;
}

void updater_note_started(struct aurora *a, struct task *task)
{
    struct slot *slot = slot_of(task->job, task->instance);

    if (!slot)
        return;
    update_seat(task->job->update, slot, task);
    updating_set_changed(a, task->job->update, slot);
}

static bool same_run(const struct job_config *a, const struct job_config *b)
{
    return a && b && strcmp(a->runs_id, b->runs_id) == 0;
}

/* An end counts against the version that ended by itself. */
static bool is_failure(const struct update *u, const struct slot *slot,
                       const struct task *task)
{
    return slot->phase == SLOT_WORKING && slot->task == task &&
           task_machine_is_terminal(task->state) &&
           same_run(task->config, update_wanted(u, slot)) &&
           !task_was(task, TASK_RESTARTING) && !task_was(task, TASK_KILLING) &&
           !task_was(task, TASK_DRAINING) && !task_was(task, TASK_PREEMPTING);
}

void updater_note_ended(struct aurora *a, struct task *task)
{
    struct update *u = task->job->update;
    struct slot *slot = slot_of(task->job, task->instance);

    if (!slot)
        return;
    if (is_failure(u, slot, task)) {
        slot->failures++;
        mark_slot(a, u, slot);
    }
    slot->wait = SLOT_WAITS_FOR_NOBODY;
    slot->again_ms = 0;
    if (slot->task == task)
        slot->task = NULL;
    if (slot->other == task)
        slot->other = NULL;
    updating_set_changed(a, u, slot);
}

void updater_note_changed(struct aurora *a, const struct task *task)
{
    struct slot *slot = slot_of(task->job, task->instance);

    if (slot)
        updating_set_changed(a, task->job->update, slot);
    else if (task->job->update && update_is_surge(task->job->update))
        updating_set_due(a, task->job->update); /* it counts as healthy */
}

/* Does the next task of the instance run what is wanted? Where a surge failed,
 * the old one stays what it was. */
static bool leads_on(const struct update *u, const struct slot *slot)
{
    return slot_has_begun(slot) &&
           !(slot->phase == SLOT_FAILED && update_is_surge(u));
}

bool updater_has_successor(const struct task *ended)
{
    const struct job *job = ended->job;
    const struct slot *slot = slot_of(job, ended->instance);

    if (!slot || !update_is_surge(job->update))
        return true;
    if (slot->task)
        return false; /* it is here already */
    return !slot->other || leads_on(job->update, slot);
}

struct job_config *updater_config_after(const struct task *ended)
{
    const struct job *job = ended->job;
    const struct slot *slot = slot_of(job, ended->instance);
    struct job_config *wanted = NULL;

    if (slot && leads_on(job->update, slot))
        wanted = update_wanted(job->update, slot);
    return wanted ? wanted : ended->config;
}

/* --- states --- */

void updating_enter(struct aurora *a, struct update *u, enum update_state to,
                    const char *message, int64_t now_ms)
{
    assert(update_machine(u->state, to));
    u->state = to;
    update_add_event(u, to, message, now_ms);
    (void)event_log_update(&a->events, u, NULL, now_ms);
    mark_update(a, u);
}

void updating_tell(struct aurora *a, struct update *u, const char *message,
                   int64_t now_ms)
{
    update_add_event(u, u->state, message, now_ms);
    (void)event_log_update(&a->events, u, NULL, now_ms);
    mark_update(a, u);
}

void updating_tell_slot(struct aurora *a, struct update *u, struct slot *slot,
                        enum slot_event_kind kind, int64_t now_ms)
{
    slot_add_event(slot, kind, now_ms);
    (void)event_log_update(&a->events, u, slot, now_ms);
    mark_slot(a, u, slot);
}

static uint32_t count_living(const struct job *job)
{
    uint32_t count = 0;

    for (const struct task *t = job->active.first; t; t = t->next)
        count += t->state != TASK_KILLING;
    return count;
}

void updater_take_config(struct aurora *a, struct task *task,
                         struct job_config *config)
{
    struct job_config *before = task->config;
    bool waits = task->state == TASK_PENDING;

    if (task->host)
        assert(memcmp(&before->need, &config->need, sizeof before->need) == 0);
    if (waits)
        group_remove(a, task);
    quota_note_task_gone(a, task);
    task->config = config;
    quota_note_task(a, task);
    records_use_config(a, config);
    if (waits)
        group_add(a, task);
    records_unuse_config(a, before);
    task_arm(a, task); /* its patience may be another */
    mark_task(a, task);
}

void updater_adopt(struct aurora *a, struct job *job, struct job_config *config)
{
    struct job_config *before = job->config;

    records_use_config(a, config);
    job->config = config;
    if (before)
        records_unuse_config(a, before);
    for (struct task *t = job->active.first; t; t = t->next)
        if (t->config != config && same_run(t->config, config))
            updater_take_config(a, t, config);
    mark_job(a, job);
}

/* Does it stand where the old constraints allow it? A script that has not said
 * so in this life of ours did in another one, of who stands there since before
 * the update. */
static bool stands_back(const struct update *u, const struct moving_task *t)
{
    const struct task *task = t->task;

    return t->what == MOVING_STAYS ||
           (moving_awaits(task, u->job->config) &&
            task->events.item[0].at_ms < update_created_ms(u));
}

/* Tasks that stayed where they were under new constraints have the old ones
 * again, if they suit those still. */
static void take_back(struct aurora *a, struct update *u)
{
    struct job *job = u->job;
    struct moving_list list = {0};

    moving_list_of(job, job->config, &a->hosts, &list);
    for (uint32_t i = 0; i < list.count; i++) {
        struct task *task = list.item[i].task;
        if (task->config == u->config && !update_slot(u, task->instance) &&
            stands_back(u, &list.item[i]))
            updater_take_config(a, task, job->config);
    }
    vec_free(&list);
}

void updating_finish(struct aurora *a, struct update *u, enum update_state to,
                     const char *message, int64_t now_ms)
{
    struct job *job = u->job;

    if (update_is_surge(u))
        surge_collapse(a, u, now_ms);
    updating_enter(a, u, to, message, now_ms);
    notices_tell_update(a, u, now_ms);
    a->counters.updates_ended[to]++;
    job->update = NULL;
    if (to == UPDATE_ROLLED_FORWARD && !u->is_partial)
        updater_adopt(a, job, u->config);
    if (to == UPDATE_ROLLED_BACK)
        take_back(a, u);
    quota_recount(a, job);
    if (update_is_surge(u))
        surge_refill(a, u, now_ms);
    for (uint32_t i = 0; i < u->slot_count; i++)
        u->slot[i].task = u->slot[i].other = NULL;
    uint32_t living = count_living(job);
    if (living > 0)
        job->instances = living;
    else if (job->instances > 0)
        job->is_killed = true; /* else it was suspended, and is so again */
    records_tell_job(a, EVENT_JOB_CHANGED, job, now_ms);
    job_settle(a, job, now_ms);
}

bool updating_has_pulse(const struct update *u, int64_t now_ms)
{
    return u->config->update.pulse_ms == 0 || now_ms < u->pulse_until_ms;
}

void updating_await_pulse(struct aurora *a, struct update *u,
                          const char *message, int64_t now_ms)
{
    updating_enter(a, u,
                   update_is_back(u->state)
                       ? UPDATE_ROLL_BACK_AWAITING_PULSE
                       : UPDATE_ROLL_FORWARD_AWAITING_PULSE,
                   message, now_ms);
}

void updating_turn_back(struct aurora *a, struct update *u, const char *message,
                        int64_t now_ms)
{
    updating_enter(a, u, UPDATE_ROLLING_BACK, message, now_ms);
    for (uint32_t i = 0; i < u->slot_count; i++) {
        struct slot *slot = &u->slot[i];
        update_set_phase(u, slot,
                         slot_has_begun(slot) ? SLOT_WAITING : SLOT_LEFT_OUT);
        slot->failures = 0;
        slot->watch_ms = 0;
        mark_slot(a, u, slot);
    }
    u->next = u->slot_count;
    while (u->next > 0 && u->slot[u->order[u->next - 1]].phase != SLOT_WAITING)
        u->next--;
    if (update_is_surge(u))
        surge_turn_back(a, u, now_ms);
    updating_set_due(a, u);
}

void updater_look_again(struct aurora *a, struct update *u)
{
    for (uint32_t i = 0; i < u->slot_count; i++)
        if (u->slot[i].phase == SLOT_WORKING)
            updating_set_changed(a, u, &u->slot[i]);
    updating_set_due(a, u);
}

static void resume(struct aurora *a, struct update *u, const char *message,
                   int64_t now_ms)
{
    updating_enter(a, u,
                   update_is_back(u->state) ? UPDATE_ROLLING_BACK
                                            : UPDATE_ROLLING_FORWARD,
                   message, now_ms);
    updater_look_again(a, u);
}

/* --- what users ask of one that is under way --- */

void updater_begin(struct aurora *a, struct update *u, const char *message,
                   int64_t now_ms)
{
    updating_enter(a, u,
                   updating_has_pulse(u, now_ms)
                       ? UPDATE_ROLLING_FORWARD
                       : UPDATE_ROLL_FORWARD_AWAITING_PULSE,
                   message, now_ms);
    for (struct task *t = u->job->active.first; t; t = t->next)
        updater_note_started(a, t);
    if (update_is_surge(u))
        surge_seat(u);
    updating_set_due(a, u);
}

void updater_pause(struct aurora *a, struct update *u, const char *message,
                   int64_t now_ms)
{
    updating_enter(a, u,
                   update_is_back(u->state) ? UPDATE_ROLL_BACK_PAUSED
                                            : UPDATE_ROLL_FORWARD_PAUSED,
                   message, now_ms);
}

void updater_resume(struct aurora *a, struct update *u, const char *message,
                    int64_t now_ms)
{
    if (updating_has_pulse(u, now_ms))
        resume(a, u, message, now_ms);
    else
        updating_await_pulse(a, u, message, now_ms);
}

void updater_abort(struct aurora *a, struct update *u, const char *message,
                   int64_t now_ms)
{
    updating_finish(a, u, UPDATE_ABORTED, message, now_ms);
}

void updater_turn_back(struct aurora *a, struct update *u, const char *message,
                       int64_t now_ms)
{
    updating_turn_back(a, u, message, now_ms);
}

void updater_pulse(struct aurora *a, struct update *u, int64_t now_ms)
{
    u->pulse_until_ms = now_ms + u->config->update.pulse_ms;
    updating_look_again(a, u, u->pulse_until_ms);
    if (update_awaits_pulse(u->state))
        resume(a, u, NULL, now_ms);
}

/* --- after a restart --- */

/* Pulses are not stored: who coordinates must show that he is still there. */
void updater_restored(struct aurora *a, struct update *u, int64_t now_ms)
{
    if (u->instances > a->limits.tasks_per_job_max) {
        updating_finish(a, u, UPDATE_ERROR,
                        "it wants more instances than this scheduler allows",
                        now_ms);
        return;
    }
    for (struct task *t = u->job->active.first; t; t = t->next)
        updater_note_started(a, t);
    if (update_is_surge(u))
        surge_seat(u);
    if (update_is_rolling(u->state) && !updating_has_pulse(u, now_ms))
        updating_await_pulse(a, u, "the scheduler was started anew", now_ms);
    updater_look_again(a, u);
}
