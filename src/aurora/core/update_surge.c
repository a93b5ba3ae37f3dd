/* A surge: the new task of an instance is started beside the old one, which
 * goes when the new one is healthy; where the minimum of healthy instances
 * leaves room, old ones end first. Rolling back is the same with the roles
 * exchanged: old tasks that still run just stay.
 *
 * The bounds are those of surge.h. In rounds: while new ones are on their way
 * on hosts, no old one ends; so with the defaults all new ones are healthy
 * before the first old one goes. New ones that no host takes hold nobody up. */
#include "aurora/core/quota_jobs.h"
#include "aurora/core/surge.h"
#include "aurora/core/updating.h"

#include <assert.h>

/* --- the sums --- */

static void set_sums(struct update *u, struct slot *slot, bool is_on_way,
                     bool is_unproven)
{
    u->on_way = u->on_way - slot->is_on_way + is_on_way;
    u->unproven = u->unproven - slot->is_unproven + is_unproven;
    slot->is_on_way = is_on_way;
    slot->is_unproven = is_unproven;
}

static bool is_proven(const struct aurora *a, const struct update *u,
                      const struct slot *slot, int64_t now_ms)
{
    struct update_facts facts = updating_facts(a, u, slot, now_ms);

    return facts.has_task && facts.state == TASK_RUNNING && facts.is_settled &&
           now_ms - facts.running_ms >= updating_watch_ms(u);
}

static void count(const struct aurora *a, struct update *u, struct slot *slot,
                  int64_t now_ms)
{
    const struct task *task = slot->task;
    bool is_coming = slot->phase == SLOT_WORKING && task &&
                     update_wanted(u, slot) && !is_proven(a, u, slot, now_ms);

    set_sums(u, slot,
             is_coming &&
                 (task->state == TASK_ASSIGNED ||
                  task->state == TASK_STARTING || task->state == TASK_RUNNING),
             is_coming && task->state == TASK_RUNNING);
}

/* What is to go stays until the canary was found good: till then it counts. */
static struct surge_limits limits_of(const struct update *u)
{
    const struct update_settings *s = &u->config->update;
    uint32_t instances =
        canary_is_on(u) ? u->beside + u->slot_count : update_target(u);

    return surge_limits_of(instances, s->minimum_health_milli,
                           s->maximum_over_milli);
}

static struct surge_facts facts_of(const struct update *u)
{
    assert(u->job->running >= u->unproven);
    return (struct surge_facts){.tasks = u->job->active.count,
                                .healthy = u->job->running - u->unproven,
                                .on_way = u->on_way};
}

void surge_seat(struct update *u)
{
    u->to_start.count = u->to_stop.count = 0;
    u->surplus = u->beside = 0;
    for (uint32_t i = 0; i < u->slot_count; i++) {
        struct slot *slot = &u->slot[i];
        slot->task = slot->other = NULL;
        slot->is_to_start = slot->is_to_stop = false;
        set_sums(u, slot, false, false);
    }
    for (struct task *t = u->job->active.first; t; t = t->next) {
        struct slot *slot = update_slot(u, t->instance);
        if (slot)
            update_seat(u, slot, t);
        else
            u->beside += t->state != TASK_KILLING;
    }
}

/* --- one instance --- */

static bool is_leaving(const struct task *task)
{
    return task && task->state >= TASK_PREEMPTING &&
           task->state <= TASK_KILLING;
}

static void list_start(struct update *u, struct slot *slot)
{
    if (slot->is_to_start)
        return;
    slot->is_to_start = true;
    *vec_add(&u->to_start) = (uint32_t)(slot - u->slot);
}

static void list_stop(struct update *u, struct slot *slot)
{
    if (slot->is_to_stop)
        return;
    slot->is_to_stop = true;
    *vec_add(&u->to_stop) = (uint32_t)(slot - u->slot);
}

/* The task that must go, or NULL when it is on its way out already. */
static struct task *victim(const struct update *u, const struct slot *slot)
{
    struct task *task = update_wanted(u, slot) ? slot->other : slot->task;

    return task && task->state != TASK_KILLING ? task : NULL;
}

/* The one that failed goes; the other one, when there is one, stays. */
static void fail(struct aurora *a, struct update *u, struct slot *slot,
                 int64_t now_ms)
{
    updating_end_slot(a, u, slot, false, now_ms);
    if (slot->task && slot->other && slot->other->state != TASK_KILLING)
        (void)task_go(a, slot->task, TASK_KILLING, "the update failed here",
                      now_ms);
}

static void done(struct aurora *a, struct update *u, struct slot *slot,
                 int64_t now_ms)
{
    if (victim(u, slot))
        list_stop(u, slot);
    else if (!slot->other)
        updating_end_slot(a, u, slot, true, now_ms);
}

/* Beside the other one or instead of it, whichever is possible first. What is
 * restarted comes back by itself. */
static void add(struct update *u, struct slot *slot)
{
    if (slot->other && !is_leaving(slot->other))
        list_stop(u, slot);
    if (!is_leaving(slot->other) || slot->other->state == TASK_KILLING)
        list_start(u, slot);
}

static void go_on_with(struct aurora *a, struct update *u, struct slot *slot,
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
        add(u, slot);
        break;
    case UPDATE_ACT_CHANGE:
        break; /* not here: versions have places of their own */
    case UPDATE_ACT_KILL:
        list_stop(u, slot);
        break;
    case UPDATE_ACT_DONE:
        done(a, u, slot, now_ms);
        break;
    case UPDATE_ACT_FAIL:
        fail(a, u, slot, now_ms);
        break;
    }
}

void surge_look(struct aurora *a, struct update *u, struct slot *slot,
                int64_t now_ms)
{
    if (slot->phase == SLOT_WORKING)
        go_on_with(a, u, slot, now_ms);
    count(a, u, slot, now_ms);
}

/* --- stopping --- */

/* The next slot that just goes, or NULL. */
static struct slot *next_surplus(struct update *u)
{
    bool is_back = update_is_back(u->state);
    uint32_t all = is_back ? u->creates : u->kills;

    for (; u->surplus < all; u->surplus++) {
        uint32_t at =
            is_back ? all - 1 - u->surplus : u->slot_count - all + u->surplus;
        struct slot *slot = &u->slot[u->order[at]];
        if (slot->phase == SLOT_WAITING)
            return slot;
    }
    return NULL;
}

/* The next slot, in this direction, that brings something; NULL when there is
 * none. */
static struct slot *next_wanted(struct update *u)
{
    bool is_back = update_is_back(u->state);

    for (;;) {
        if (is_back ? u->next == 0 : u->next == u->slot_count)
            return NULL;
        struct slot *slot = &u->slot[u->order[is_back ? u->next - 1 : u->next]];
        if (slot->phase == SLOT_WAITING)
            return update_wanted(u, slot) ? slot : NULL;
        u->next = is_back ? u->next - 1 : u->next + 1;
    }
}

static uint32_t may_stop(const struct update *u)
{
    struct surge_limits limits = limits_of(u);
    struct surge_facts facts = facts_of(u);

    return surge_may_stop(&limits, &facts);
}

static uint32_t may_start(const struct update *u)
{
    struct surge_limits limits = limits_of(u);
    struct surge_facts facts = facts_of(u);

    return surge_may_start(&limits, &facts);
}

/* Is ending it within the bounds? A healthy successor pays for it; what does
 * not run costs nothing. */
static bool is_affordable(const struct update *u, const struct slot *slot,
                          const struct task *task)
{
    return (task == slot->other && slot->task) || task->state != TASK_RUNNING ||
           may_stop(u) > 0;
}

static bool stop(struct aurora *a, struct update *u, struct slot *slot,
                 int64_t now_ms)
{
    struct task *task = victim(u, slot);

    if (!task || (task == slot->other && !slot->task && is_leaving(task)))
        return true;
    if (!is_affordable(u, slot, task) ||
        !updating_may_end(a, u, slot, task, now_ms))
        return false;
    if (task == slot->other && !slot->task)
        updating_change(a, task, now_ms);
    else
        (void)task_go(a, task, TASK_KILLING, "updated", now_ms);
    return true;
}

/* Those that are due to go, once nothing is on its way any more. */
static void stop_listed(struct aurora *a, struct update *u, int64_t now_ms)
{
    uint32_t kept = 0;

    if (u->on_way > 0)
        return;
    for (uint32_t i = 0; i < u->to_stop.count; i++) {
        struct slot *slot = &u->slot[u->to_stop.item[i]];
        bool is_ready = slot->phase == SLOT_WORKING &&
                        (!update_wanted(u, slot) || !slot->task ||
                         is_proven(a, u, slot, now_ms));
        if (is_ready && !stop(a, u, slot, now_ms))
            u->to_stop.item[kept++] = u->to_stop.item[i];
        else
            slot->is_to_stop = false;
    }
    u->to_stop.count = kept;
}

static void begin_to_stop(struct aurora *a, struct update *u, struct slot *slot,
                          int64_t now_ms)
{
    updating_begin_slot(a, u, slot, now_ms);
    if (!stop(a, u, slot, now_ms))
        list_stop(u, slot);
}

static void stop_surplus(struct aurora *a, struct update *u, int64_t now_ms)
{
    struct slot *slot;

    while (!canary_is_on(u) && (slot = next_surplus(u)) != NULL) {
        if (slot->task && slot->task->state == TASK_RUNNING &&
            may_stop(u) <= u->to_stop.count)
            return;
        begin_to_stop(a, u, slot, now_ms);
    }
}

/* Old ones that may end before their successors run. */
static void stop_first(struct aurora *a, struct update *u, int64_t now_ms)
{
    struct slot *slot;

    while (canary_room(u) > 0 && may_stop(u) > u->to_stop.count &&
           (slot = next_wanted(u)) != NULL && !slot->task && slot->other)
        begin_to_stop(a, u, slot, now_ms);
}

static bool is_down(const struct task *task)
{
    return task &&
           (task->state == TASK_PENDING || task->state == TASK_THROTTLED ||
            task->state == TASK_PARTITIONED);
}

/* Every slot is looked at, so not at every change: once in a while. */
static bool may_look_at_all(struct aurora *a, struct update *u, int64_t now_ms)
{
    enum { AGAIN_MS = 1000 };

    if (now_ms >= u->look_ms) {
        u->look_ms = now_ms + AGAIN_MS;
        u->is_look_set = false;
        return true;
    }
    if (!u->is_look_set)
        updating_look_again(a, u, u->look_ms);
    u->is_look_set = true;
    return false;
}

/* Nothing may move, and perhaps never will: old ones that do not run keep the
 * places of new ones. They give way, whatever the order. */
static void stop_down(struct aurora *a, struct update *u, int64_t now_ms)
{
    if (u->on_way > 0 || may_start(u) > 0 || may_stop(u) > 0 ||
        u->count[SLOT_WAITING] == 0 || !may_look_at_all(a, u, now_ms))
        return;
    for (uint32_t i = 0; i < u->slot_count && canary_room(u) > 0; i++) {
        struct slot *slot = &u->slot[i];
        if (slot->phase == SLOT_WAITING && update_wanted(u, slot) &&
            !slot->task && is_down(slot->other))
            begin_to_stop(a, u, slot, now_ms);
    }
}

/* --- starting --- */

static void start(struct aurora *a, struct update *u, struct slot *slot,
                  int64_t now_ms)
{
    (void)task_start(a, u->job, update_wanted(u, slot), slot->instance, NULL,
                     now_ms);
}

static void start_listed(struct aurora *a, struct update *u, int64_t now_ms)
{
    while (u->to_start.count > 0 && may_start(u) > 0) {
        struct slot *slot = &u->slot[u->to_start.item[--u->to_start.count]];
        slot->is_to_start = false;
        if (slot->phase == SLOT_WORKING && !slot->task &&
            update_wanted(u, slot))
            start(a, u, slot, now_ms);
    }
}

/* What runs already, on the way back, takes no place. */
static void start_next(struct aurora *a, struct update *u, int64_t now_ms)
{
    struct slot *slot;

    while (canary_room(u) > 0 && (slot = next_wanted(u)) != NULL) {
        if (!slot->task && may_start(u) == 0)
            return;
        updating_begin_slot(a, u, slot, now_ms);
        if (!slot->task)
            start(a, u, slot, now_ms);
    }
}

/* The canary is a batch of its own, all others are another one. */
static void number_group(struct aurora *a, struct update *u)
{
    uint32_t group = canary_size(u) > 0 && u->is_judged ? 2 : 1;

    if (update_is_back(u->state) || u->groups == group)
        return;
    u->groups = group;
    mark_update(a, u);
}

/* Who is healthy is known only when all were heard of. */
static void go_on_stopping(struct aurora *a, struct update *u, int64_t now_ms)
{
    if (!job_is_settled(a, u->job, now_ms))
        return;
    stop_listed(a, u, now_ms);
    stop_surplus(a, u, now_ms);
    stop_first(a, u, now_ms);
    stop_down(a, u, now_ms);
}

void surge_go_on(struct aurora *a, struct update *u, int64_t now_ms)
{
    number_group(a, u);
    go_on_stopping(a, u, now_ms);
    start_listed(a, u, now_ms);
    start_next(a, u, now_ms);
}

void surge_turn_back(struct aurora *a, struct update *u, int64_t now_ms)
{
    surge_seat(u);
    for (uint32_t i = 0; i < u->slot_count; i++) {
        struct slot *slot = &u->slot[i];
        if (slot->phase == SLOT_WAITING && update_wanted(u, slot) &&
            slot->task && slot->task->state != TASK_KILLING)
            updating_begin_slot(a, u, slot, now_ms);
    }
}

/* --- the end --- */

/* Both might live on: which one is to go? */
static struct task *one_too_many(const struct aurora *a, const struct update *u,
                                 const struct slot *slot, int64_t now_ms)
{
    if (is_leaving(slot->other) || is_leaving(slot->task))
        return is_leaving(slot->other) ? slot->other : slot->task;
    if (slot->task->state == TASK_RUNNING &&
        (is_proven(a, u, slot, now_ms) || slot->other->state != TASK_RUNNING))
        return slot->other;
    return slot->task;
}

static bool lives(const struct task *task)
{
    return task && task->state != TASK_KILLING;
}

void surge_collapse(struct aurora *a, struct update *u, int64_t now_ms)
{
    for (uint32_t i = 0; i < u->slot_count; i++) {
        struct slot *slot = &u->slot[i];
        if (lives(slot->task) && lives(slot->other))
            (void)task_go(a, one_too_many(a, u, slot, now_ms), TASK_KILLING,
                          "one task of an instance stays", now_ms);
    }
}

void surge_refill(struct aurora *a, struct update *u, int64_t now_ms)
{
    struct job *job = u->job;

    for (uint32_t i = 0; i < u->slot_count; i++) {
        const struct slot *slot = &u->slot[i];
        if (slot->kind == SLOT_CHANGE && !lives(slot->task) &&
            !lives(slot->other) &&
            quota_check_more(a, job, slot->before, 1, job->active.count + 1,
                             NULL) == 0)
            (void)task_start(a, job, slot->before, slot->instance, NULL,
                             now_ms);
    }
}
