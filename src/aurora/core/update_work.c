/* What updates under way do: facts about one instance are gathered, the rule
 * is asked, its answer carried out; then batches begin, pause and end. Changes
 * of tasks only mark their slots; all of this is done by updater_go_on at the
 * end of an input, so that no task changes while another change of it is being
 * applied. */
#include "aurora/core/updating.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* --- one instance --- */

static bool same_run(const struct job_config *a, const struct job_config *b)
{
    return a && b && strcmp(a->runs_id, b->runs_id) == 0;
}

int64_t updating_watch_ms(const struct update *u)
{
    struct update_settings settings = update_settings_of(u);

    if (canary_is_on(u) && settings.canary_ms > settings.watch_ms)
        return settings.canary_ms;
    return settings.watch_ms;
}

struct update_facts updating_facts(const struct aurora *a,
                                   const struct update *u,
                                   const struct slot *slot, int64_t now_ms)
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
    facts.is_settled = task_is_settled(a, task, now_ms);
    return facts;
}

void updating_end_slot(struct aurora *a, struct update *u, struct slot *slot,
                       bool is_done, int64_t now_ms)
{
    bool is_back = update_is_back(u->state);

    update_set_phase(u, slot, is_done ? SLOT_DONE : SLOT_FAILED);
    updating_tell_slot(a, u, slot,
                       is_done   ? is_back ? SLOT_ROLLED_BACK : SLOT_UPDATED
                       : is_back ? SLOT_ROLLBACK_FAILED
                                 : SLOT_UPDATE_FAILED,
                       now_ms);
}

void updating_watch(struct aurora *a, struct update *u, struct slot *slot,
                    int64_t at_ms)
{
    if (slot->watch_ms == at_ms)
        return;
    slot->watch_ms = at_ms;
    heap_push(&a->timers, at_ms, TIMER_UPDATE,
              (uint64_t)u->number << 32 | (uint32_t)(slot - u->slot));
}

void updating_change(struct aurora *a, struct task *task, int64_t now_ms)
{
    (void)task_go(a, task,
                  task_can_restart(task) ? TASK_RESTARTING : TASK_KILLING,
                  "updated", now_ms);
}

static void work_on(struct aurora *a, struct update *u, struct slot *slot,
                    int64_t now_ms)
{
    struct update_settings settings = update_settings_of(u);
    struct update_facts facts = updating_facts(a, u, slot, now_ms);

    settings.watch_ms = updating_watch_ms(u);
    switch (update_rule(&facts, &settings, now_ms)) {
    case UPDATE_ACT_WAIT:
        break;
    case UPDATE_ACT_WATCH:
        updating_watch(a, u, slot, facts.running_ms + settings.watch_ms);
        break;
    case UPDATE_ACT_ADD:
        (void)task_start(a, u->job, update_wanted(u, slot), slot->instance,
                         NULL, now_ms);
        break;
    case UPDATE_ACT_CHANGE:
        if (updating_may_end(a, u, slot, slot->task, now_ms))
            updating_change(a, slot->task, now_ms);
        break;
    case UPDATE_ACT_KILL:
        if (updating_may_end(a, u, slot, slot->task, now_ms))
            (void)task_go(a, slot->task, TASK_KILLING, "updated", now_ms);
        break;
    case UPDATE_ACT_DONE:
        updating_end_slot(a, u, slot, true, now_ms);
        break;
    case UPDATE_ACT_FAIL:
        updating_end_slot(a, u, slot, false, now_ms);
        break;
    }
}

/* --- batches --- */

void updating_begin_slot(struct aurora *a, struct update *u, struct slot *slot,
                         int64_t now_ms)
{
    update_set_phase(u, slot, SLOT_WORKING);
    if (!update_is_back(u->state))
        slot->group = u->groups;
    updating_tell_slot(
        a, u, slot,
        update_is_back(u->state) ? SLOT_ROLLING_BACK : SLOT_UPDATING, now_ms);
    updating_set_changed(a, u, slot);
}

static void begin_forward(struct aurora *a, struct update *u, int64_t now_ms)
{
    struct update_settings settings = update_settings_of(u);
    uint32_t groups = u->groups - (u->groups > 0 && canary_size(u) > 0);
    uint32_t room =
        canary_is_on(u)
            ? canary_room(u)
            : update_room(&settings, u->count[SLOT_WORKING], groups);

    if (room == 0 || u->count[SLOT_WAITING] == 0)
        return;
    u->groups++;
    mark_update(a, u);
    for (; room > 0 && u->next < u->slot_count; room--)
        updating_begin_slot(a, u, &u->slot[u->order[u->next++]], now_ms);
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
        updating_begin_slot(a, u, slot, now_ms);
    }
}

/* Between two batches; never twice after the same one. */
static bool must_pause(const struct update *u)
{
    struct update_settings settings = update_settings_of(u);

    return settings.autopause && !update_is_surge(u) &&
           u->state == UPDATE_ROLLING_FORWARD && u->groups > u->pause_group &&
           u->count[SLOT_WORKING] == 0 && u->count[SLOT_WAITING] > 0;
}

static void pause_by_itself(struct aurora *a, struct update *u, int64_t now_ms)
{
    char message[64];

    u->pause_group = u->groups;
    snprintf(message, sizeof message, "paused after batch %u", u->groups);
    updating_enter(a, u, UPDATE_ROLL_FORWARD_PAUSED, message, now_ms);
}

static void give_up(struct aurora *a, struct update *u, int64_t now_ms)
{
    struct update_settings settings = update_settings_of(u);
    char message[96];

    snprintf(message, sizeof message, "%s%u of %u instances failed: %u may",
             canary_is_on(u) ? "the canary is bad: " : "",
             u->count[SLOT_FAILED],
             canary_is_on(u) ? canary_size(u) : u->slot_count,
             canary_failures_max(u));
    if (u->state == UPDATE_ROLLING_FORWARD && settings.rolls_back)
        updating_turn_back(a, u, message, now_ms);
    else
        updating_finish(a, u, UPDATE_FAILED, message, now_ms);
}

static void begin(struct aurora *a, struct update *u, int64_t now_ms)
{
    if (update_is_surge(u))
        surge_go_on(a, u, now_ms);
    else if (update_is_back(u->state))
        begin_back(a, u, now_ms);
    else
        begin_forward(a, u, now_ms);
}

/* What follows when every instance has been looked at. */
static void advance(struct aurora *a, struct update *u, int64_t now_ms)
{
    if (u->count[SLOT_FAILED] > canary_failures_max(u)) {
        give_up(a, u, now_ms);
        return;
    }
    canary_judge(a, u, now_ms);
    if (u->count[SLOT_WORKING] + u->count[SLOT_WAITING] == 0)
        updating_finish(a, u,
                        update_is_back(u->state) ? UPDATE_ROLLED_BACK
                                                 : UPDATE_ROLLED_FORWARD,
                        NULL, now_ms);
    else if (must_pause(u))
        pause_by_itself(a, u, now_ms);
    else
        begin(a, u, now_ms);
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
    if (!updating_has_pulse(u, now_ms)) {
        forget_changes(u);
        updating_await_pulse(a, u, "no pulse came in time", now_ms);
        return;
    }
    for (uint32_t i = 0; i < u->changed.count; i++) { /* it grows */
        struct slot *slot = &u->slot[u->changed.item[i]];
        slot->is_changed = false;
        if (update_is_surge(u))
            surge_look(a, u, slot, now_ms);
        else if (slot->phase == SLOT_WORKING)
            work_on(a, u, slot, now_ms);
    }
    u->changed.count = 0;
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
    crons_go_on(a, now_ms);
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
        updating_set_changed(a, u, &u->slot[at]);
    }
    updating_set_due(a, u); /* behind the slots: the pulse */
}
