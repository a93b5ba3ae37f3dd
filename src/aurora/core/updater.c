/* Updates under way: facts about instances are gathered, the rule is asked,
 * its answer carried out. Changes of tasks only mark their slots; the work is
 * done by updater_go_on at the end of an input, so that no task changes while
 * another change of it is being applied. */
#include "aurora/core/internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* --- what changes --- */

static void set_due(struct aurora *a, struct update *u)
{
    if (u->is_due)
        return;
    u->is_due = true;
    *vec_add(&a->due_updates) = u->number;
}

static void set_changed(struct aurora *a, struct update *u, struct slot *slot)
{
    if (slot->is_changed)
        return;
    slot->is_changed = true;
    *vec_add(&u->changed) = (uint32_t)(slot - u->slot);
    set_due(a, u);
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
    slot->task = task;
    set_changed(a, task->job->update, slot);
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
    if (slot->task == task)
        slot->task = NULL;
    set_changed(a, u, slot);
}

void updater_note_changed(struct aurora *a, const struct task *task)
{
    struct slot *slot = slot_of(task->job, task->instance);

    if (slot)
        set_changed(a, task->job->update, slot);
}

struct job_config *updater_config_after(const struct task *ended)
{
    const struct job *job = ended->job;
    const struct slot *slot = slot_of(job, ended->instance);
    struct job_config *wanted = NULL;

    if (slot && slot_has_begun(slot))
        wanted = update_wanted(job->update, slot);
    return wanted ? wanted : ended->config;
}

/* --- states --- */

static void enter(struct aurora *a, struct update *u, enum update_state to,
                  const char *message, int64_t now_ms)
{
    assert(update_machine(u->state, to));
    u->state = to;
    update_add_event(u, to, message, now_ms);
    (void)event_log_update(&a->events, u, NULL, now_ms);
    mark_update(a, u);
}

static void tell_slot(struct aurora *a, struct update *u, struct slot *slot,
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
    task->config = config;
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

/* It is over, one way or the other: the job goes on without it. */
static void finish(struct aurora *a, struct update *u, enum update_state to,
                   const char *message, int64_t now_ms)
{
    struct job *job = u->job;
    uint32_t living = count_living(job);

    enter(a, u, to, message, now_ms);
    a->counters.updates_ended[to]++;
    for (uint32_t i = 0; i < u->slot_count; i++)
        u->slot[i].task = NULL;
    job->update = NULL;
    if (to == UPDATE_ROLLED_FORWARD && !u->is_partial)
        updater_adopt(a, job, u->config);
    if (living > 0)
        job->instances = living;
    else
        job->is_killed = true;
    records_tell_job(a, EVENT_JOB_CHANGED, job, now_ms);
    job_settle(a, job, now_ms);
}

static bool has_pulse(const struct update *u, int64_t now_ms)
{
    return u->config->update.pulse_ms == 0 || now_ms < u->pulse_until_ms;
}

static void await_pulse(struct aurora *a, struct update *u, const char *message,
                        int64_t now_ms)
{
    enter(a, u,
          update_is_back(u->state) ? UPDATE_ROLL_BACK_AWAITING_PULSE
                                   : UPDATE_ROLL_FORWARD_AWAITING_PULSE,
          message, now_ms);
}

/* Every instance that was begun goes back to what it was. */
static void turn_back(struct aurora *a, struct update *u, const char *message,
                      int64_t now_ms)
{
    enter(a, u, UPDATE_ROLLING_BACK, message, now_ms);
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
    set_due(a, u);
}

static void resume(struct aurora *a, struct update *u, const char *message,
                   int64_t now_ms)
{
    enter(a, u,
          update_is_back(u->state) ? UPDATE_ROLLING_BACK
                                   : UPDATE_ROLLING_FORWARD,
          message, now_ms);
    for (uint32_t i = 0; i < u->slot_count; i++)
        if (u->slot[i].phase == SLOT_WORKING)
            set_changed(a, u, &u->slot[i]);
    set_due(a, u);
}

/* --- one instance --- */

static struct update_facts facts_of(const struct update *u,
                                    const struct slot *slot)
{
    const struct job_config *wanted = update_wanted(u, slot);
    const struct task *task = slot->task;
    struct update_facts facts = {.is_wanted = wanted != NULL,
                                 .has_task = task != NULL,
                                 .failures = slot->failures};

    if (!task)
        return facts;
    facts.is_same = same_run(task->config, wanted);
    facts.state = task->state;
    if (task->state == TASK_RUNNING)
        facts.running_ms = task->events.item[task->events.count - 1].at_ms;
    return facts;
}

static void end_slot(struct aurora *a, struct update *u, struct slot *slot,
                     bool is_done, int64_t now_ms)
{
    bool is_back = update_is_back(u->state);

    update_set_phase(u, slot, is_done ? SLOT_DONE : SLOT_FAILED);
    tell_slot(a, u, slot,
              is_done   ? is_back ? SLOT_ROLLED_BACK : SLOT_UPDATED
              : is_back ? SLOT_ROLLBACK_FAILED
                        : SLOT_UPDATE_FAILED,
              now_ms);
}

static void watch(struct aurora *a, struct update *u, struct slot *slot,
                  int64_t at_ms)
{
    if (slot->watch_ms == at_ms)
        return;
    slot->watch_ms = at_ms;
    heap_push(&a->timers, at_ms, TIMER_UPDATE,
              (uint64_t)u->number << 32 | (uint32_t)(slot - u->slot));
}

/* A task that has not reached a host is dropped, and its successor added. */
static void change(struct aurora *a, struct task *task, int64_t now_ms)
{
    (void)task_go(a, task,
                  task_can_restart(task) ? TASK_RESTARTING : TASK_KILLING,
                  "updated", now_ms);
}

static void work_on(struct aurora *a, struct update *u, struct slot *slot,
                    int64_t now_ms)
{
    struct update_settings settings = update_settings_of(u);
    struct update_facts facts = facts_of(u, slot);

    switch (update_rule(&facts, &settings, now_ms)) {
    case UPDATE_ACT_WAIT:
        break;
    case UPDATE_ACT_WATCH:
        watch(a, u, slot, facts.running_ms + settings.watch_ms);
        break;
    case UPDATE_ACT_ADD:
        (void)task_start(a, u->job, update_wanted(u, slot), slot->instance,
                         NULL, now_ms);
        break;
    case UPDATE_ACT_CHANGE:
        change(a, slot->task, now_ms);
        break;
    case UPDATE_ACT_KILL:
        (void)task_go(a, slot->task, TASK_KILLING, "updated", now_ms);
        break;
    case UPDATE_ACT_DONE:
        end_slot(a, u, slot, true, now_ms);
        break;
    case UPDATE_ACT_FAIL:
        end_slot(a, u, slot, false, now_ms);
        break;
    }
}

/* --- batches --- */

static void begin_slot(struct aurora *a, struct update *u, struct slot *slot,
                       int64_t now_ms)
{
    update_set_phase(u, slot, SLOT_WORKING);
    if (!update_is_back(u->state))
        slot->group = u->groups;
    tell_slot(a, u, slot,
              update_is_back(u->state) ? SLOT_ROLLING_BACK : SLOT_UPDATING,
              now_ms);
    set_changed(a, u, slot);
}

static void begin_forward(struct aurora *a, struct update *u, int64_t now_ms)
{
    struct update_settings settings = update_settings_of(u);
    uint32_t room = update_room(&settings, u->count[SLOT_WORKING], u->groups);

    if (room == 0 || u->count[SLOT_WAITING] == 0)
        return;
    u->groups++;
    mark_update(a, u);
    for (; room > 0 && u->next < u->slot_count; room--)
        begin_slot(a, u, &u->slot[u->order[u->next++]], now_ms);
}

static void begin_back(struct aurora *a, struct update *u, int64_t now_ms)
{
    struct update_settings settings = update_settings_of(u);
    uint32_t working = u->count[SLOT_WORKING];
    uint32_t room = update_room(&settings, working, 0);

    if (u->next == 0 || room == 0)
        return;
    uint32_t group = u->slot[u->order[u->next - 1]].group;
    while (u->next > 0) {
        struct slot *slot = &u->slot[u->order[u->next - 1]];
        if (settings.strategy == UPDATE_QUEUE ? room == 0
                                              : slot->group != group)
            return;
        u->next--;
        room -= room > 0;
        begin_slot(a, u, slot, now_ms);
    }
}

/* Between two batches; never twice after the same one. */
static bool must_pause(const struct update *u)
{
    struct update_settings settings = update_settings_of(u);

    return settings.autopause && u->state == UPDATE_ROLLING_FORWARD &&
           u->groups > u->pause_group && u->count[SLOT_WORKING] == 0 &&
           u->count[SLOT_WAITING] > 0;
}

static void pause_by_itself(struct aurora *a, struct update *u, int64_t now_ms)
{
    char message[64];

    u->pause_group = u->groups;
    snprintf(message, sizeof message, "paused after batch %u", u->groups);
    enter(a, u, UPDATE_ROLL_FORWARD_PAUSED, message, now_ms);
}

static void give_up(struct aurora *a, struct update *u, int64_t now_ms)
{
    struct update_settings settings = update_settings_of(u);
    char message[96];

    snprintf(message, sizeof message, "%u of %u instances failed: %u may",
             u->count[SLOT_FAILED], u->slot_count, settings.failures_max);
    if (u->state == UPDATE_ROLLING_FORWARD && settings.rolls_back)
        turn_back(a, u, message, now_ms);
    else
        finish(a, u, UPDATE_FAILED, message, now_ms);
}

/* What follows when every instance has been looked at. */
static void advance(struct aurora *a, struct update *u, int64_t now_ms)
{
    struct update_settings settings = update_settings_of(u);

    if (u->count[SLOT_FAILED] > settings.failures_max)
        give_up(a, u, now_ms);
    else if (u->count[SLOT_WORKING] + u->count[SLOT_WAITING] == 0)
        finish(a, u,
               update_is_back(u->state) ? UPDATE_ROLLED_BACK
                                        : UPDATE_ROLLED_FORWARD,
               NULL, now_ms);
    else if (must_pause(u))
        pause_by_itself(a, u, now_ms);
    else if (update_is_back(u->state))
        begin_back(a, u, now_ms);
    else
        begin_forward(a, u, now_ms);
}

static void forget_changes(struct update *u)
{
    for (uint32_t i = 0; i < u->changed.count; i++)
        u->slot[u->changed.item[i]].is_changed = false;
    u->changed.count = 0;
}

static void step(struct aurora *a, struct update *u, int64_t now_ms)
{
    if (!update_is_rolling(u->state)) {
        forget_changes(u);
        return;
    }
    if (!has_pulse(u, now_ms)) {
        forget_changes(u);
        await_pulse(a, u, "no pulse came in time", now_ms);
        return;
    }
    while (u->changed.count > 0) {
        struct slot *slot = &u->slot[u->changed.item[--u->changed.count]];
        slot->is_changed = false;
        if (slot->phase == SLOT_WORKING)
            work_on(a, u, slot, now_ms);
    }
    advance(a, u, now_ms);
}

void updater_go_on(struct aurora *a, int64_t now_ms)
{
    while (a->due_updates.count > 0) {
        uint32_t number = a->due_updates.item[--a->due_updates.count];
        struct update *u = aurora_update_by_number(a, number);
        if (!u)
            continue;
        u->is_due = false;
        step(a, u, now_ms);
    }
    rolling_go_on(a, now_ms);
    app_groups_go_on(a, now_ms);
}

void updater_timer(struct aurora *a, uint64_t id)
{
    struct update *u = aurora_update_by_number(a, (uint32_t)(id >> 32));
    uint32_t at = (uint32_t)id;

    if (!u || !update_is_active(u->state))
        return;
    if (at < u->slot_count) {
        u->slot[at].watch_ms = 0;
        set_changed(a, u, &u->slot[at]);
    }
    set_due(a, u); /* behind the slots: the pulse */
}

/* --- what users ask of one that is under way --- */

void updater_begin(struct aurora *a, struct update *u, const char *message,
                   int64_t now_ms)
{
    enter(a, u,
          has_pulse(u, now_ms) ? UPDATE_ROLLING_FORWARD
                               : UPDATE_ROLL_FORWARD_AWAITING_PULSE,
          message, now_ms);
    for (struct task *t = u->job->active.first; t; t = t->next)
        updater_note_started(a, t);
    set_due(a, u);
}

void updater_pause(struct aurora *a, struct update *u, const char *message,
                   int64_t now_ms)
{
    enter(a, u,
          update_is_back(u->state) ? UPDATE_ROLL_BACK_PAUSED
                                   : UPDATE_ROLL_FORWARD_PAUSED,
          message, now_ms);
}

void updater_resume(struct aurora *a, struct update *u, const char *message,
                    int64_t now_ms)
{
    if (has_pulse(u, now_ms))
        resume(a, u, message, now_ms);
    else
        await_pulse(a, u, message, now_ms);
}

void updater_abort(struct aurora *a, struct update *u, const char *message,
                   int64_t now_ms)
{
    finish(a, u, UPDATE_ABORTED, message, now_ms);
}

void updater_turn_back(struct aurora *a, struct update *u, const char *message,
                       int64_t now_ms)
{
    turn_back(a, u, message, now_ms);
}

void updater_pulse(struct aurora *a, struct update *u, int64_t now_ms)
{
    u->pulse_until_ms = now_ms + u->config->update.pulse_ms;
    heap_push(&a->timers, u->pulse_until_ms, TIMER_UPDATE,
              (uint64_t)u->number << 32 | UINT32_MAX);
    if (update_awaits_pulse(u->state))
        resume(a, u, NULL, now_ms);
}

/* --- after a restart --- */

/* Pulses are not stored: who coordinates must show that he is still there. */
void updater_restored(struct aurora *a, struct update *u, int64_t now_ms)
{
    if (u->instances > a->limits.tasks_per_job_max) {
        finish(a, u, UPDATE_ERROR,
               "it wants more instances than this scheduler allows", now_ms);
        return;
    }
    for (struct task *t = u->job->active.first; t; t = t->next)
        updater_note_started(a, t);
    if (update_is_rolling(u->state) && !has_pulse(u, now_ms))
        await_pulse(a, u, "the scheduler was started anew", now_ms);
    else if (update_is_rolling(u->state))
        for (uint32_t i = 0; i < u->slot_count; i++)
            if (u->slot[i].phase == SLOT_WORKING)
                set_changed(a, u, &u->slot[i]);
    set_due(a, u);
}
