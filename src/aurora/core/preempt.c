#include "aurora/core/preempt.h"
#include "aurora/core/internal.h"

#include <assert.h>
#include <stdio.h>

/* --- groups --- */

/* The oldest task of the group that may push now; NULL: none has waited long
 * enough. */
static struct task *pusher_of(const struct aurora *a,
                              const struct job_config *config, int64_t now_ms)
{
    for (struct task *t = config->waiting_first; t; t = t->waiting_next) {
        if (t->is_kept)
            continue;
        return now_ms - task_since_ms(t) >= a->limits.preempt.delay_ms ? t
                                                                       : NULL;
    }
    return NULL;
}

static uint32_t slots_of(const struct aurora *a,
                         const struct job_config *config)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < a->preempt.slots.count; i++)
        count += a->preempt.slots.item[i].config == config;
    return count;
}

/* --- slots --- */

static void slot_remove(struct aurora *a, uint32_t at)
{
    struct preempt_slot slot = a->preempt.slots.item[at];

    slot.host->victims.has_slot = false;
    vec_remove(&a->preempt.slots, at);
    a->preempt.counters.slots_removed++;
    job_config_unref(slot.config);
}

static void slot_add(struct aurora *a, struct job_config *config,
                     struct host *host, int64_t now_ms)
{
    *vec_add(&a->preempt.slots) = (struct preempt_slot){
        job_config_ref(config), host, now_ms + a->limits.preempt.hold_ms};
    host->victims.has_slot = true;
    a->place_wanted = true;
}

void preempt_forget_host(struct aurora *a, const struct host *host)
{
    for (uint32_t i = a->preempt.slots.count; i-- > 0;)
        if (a->preempt.slots.item[i].host == host)
            slot_remove(a, i);
}

static void drop_old_slots(struct aurora *a, int64_t now_ms)
{
    for (uint32_t i = a->preempt.slots.count; i-- > 0;)
        if (a->preempt.slots.item[i].until_ms <= now_ms ||
            a->preempt.slots.item[i].config->waiting_count == 0)
            slot_remove(a, i);
}

/* --- a pass --- */

static void searcher_remove(struct preemption *p, uint32_t at)
{
    job_config_unref(p->searchers.item[at].config);
    vec_remove(&p->searchers, at);
}

static void searcher_add(struct aurora *a, struct job_config *config,
                         int64_t now_ms)
{
    uint32_t has = slots_of(a, config);
    uint32_t waiting = config->waiting_count - config->kept_count;
    uint32_t wanted = a->limits.preempt.batch;

    if (waiting <= has || !pusher_of(a, config, now_ms))
        return;
    if (wanted > waiting - has)
        wanted = waiting - has;
    *vec_add(&a->preempt.searchers) =
        (struct preempt_searcher){job_config_ref(config), wanted, 0};
}

/* All groups that may push; when they are too many, the others next time. */
static void begin_pass(struct aurora *a, int64_t now_ms)
{
    struct preemption *p = &a->preempt;
    uint64_t group = 0, begin_at = p->began_at;

    p->turn = 0;
    p->counters.passes++;
    p->began_at = 0;
    drop_old_slots(a, now_ms);
    for (struct job_config *c = a->group_first; c; c = c->group_next) {
        if (group++ < begin_at)
            continue;
        if (p->searchers.count == SEARCHERS_MAX) {
            p->began_at = group - 1;
            break;
        }
        searcher_add(a, c, now_ms);
    }
}

/* One search of the group whose turn it is. */
static void search_once(struct aurora *a, int64_t now_ms)
{
    struct preemption *p = &a->preempt;
    uint32_t at = p->turn % p->searchers.count;
    struct preempt_searcher *s = &p->searchers.item[at];
    struct job_config *config = s->config;
    int kind = !config->is_preemptible;
    bool is_soon;

    if (!pusher_of(a, config, now_ms) || p->slots.count >= SLOTS_MAX) {
        searcher_remove(p, at);
        return;
    }
    struct host *host = preempt_search(a, config, &s->at, &is_soon);
    p->counters.searches[kind]++;
    if (host) {
        p->counters.found[kind]++;
        slot_add(a, config, host, now_ms);
    }
    s->wanted -= host || is_soon;
    if (!host && s->at == UINT32_MAX) {
        p->counters.failed[kind]++;
        p->counters.unmatched += s->wanted;
    }
    if (s->wanted == 0 || s->at == UINT32_MAX)
        searcher_remove(p, at);
    else
        p->turn = at + 1;
}

void preempt_timer(struct aurora *a, int64_t now_ms)
{
    struct preemption *p = &a->preempt;

    if (p->at_ms == 0 || p->at_ms > now_ms)
        return;
    p->at_ms = 0;
    if (p->searchers.count == 0)
        begin_pass(a, now_ms);
    for (int step = 0; step < SEARCH_STEPS_MAX && p->searchers.count > 0;
         step++)
        search_once(a, now_ms);
    if (p->searchers.count > 0) {
        p->at_ms = now_ms + SEARCH_PAUSE_MS;
        heap_push(&a->timers, p->at_ms, TIMER_PREEMPT, 0);
        return;
    }
    preempt_arm(a, now_ms);
}

void preempt_arm(struct aurora *a, int64_t now_ms)
{
    struct preemption *p = &a->preempt;
    const struct preempt_rules *rules = &a->limits.preempt;

    if (!rules->is_on || p->at_ms != 0 ||
        (a->waiting_count == 0 && p->slots.count == 0))
        return;
    p->at_ms = now_ms + (p->is_started ? rules->interval_ms : rules->first_ms);
    p->is_started = true;
    heap_push(&a->timers, p->at_ms, TIMER_PREEMPT, 0);
}

/* --- what is to be told --- */

static uint32_t victims_on(const struct host *host)
{
    uint32_t count = 0;

    for (const struct task *t = host->first_task; t; t = t->host_next)
        count += t->state == TASK_PREEMPTING;
    return count;
}

/* The first task of the group for which others are ending. */
static bool waits_for_victims(const struct aurora *a,
                              const struct job_config *config,
                              struct preempt_outlook *out)
{
    for (uint32_t i = 0; i < a->keeps.count; i++) {
        const struct keep *keep = &a->keeps.item[i];
        if (keep->task->config != config)
            continue;
        out->victims = victims_on(keep->host);
        out->host = keep->host;
        if (out->victims > 0)
            return true;
    }
    return false;
}

struct preempt_outlook preempt_outlook(const struct aurora *a,
                                       const struct job_config *config,
                                       int64_t now_ms)
{
    struct preempt_outlook out = {.kind = PREEMPT_NO};
    const struct task *first = config->waiting_first;

    if (!a->limits.preempt.is_on || !first ||
        (config->is_preemptible && config->priority <= 0))
        return out;
    if (config->kept_count > 0 && waits_for_victims(a, config, &out)) {
        out.kind = PREEMPT_WAITS;
        return out;
    }
    out.at_ms = task_since_ms(first) + a->limits.preempt.delay_ms;
    out.kind = out.at_ms > now_ms ? PREEMPT_LATER : PREEMPT_SEEKS;
    if (out.at_ms < a->preempt.at_ms)
        out.at_ms = a->preempt.at_ms;
    return out;
}

/* --- the push --- */

static void push(struct aurora *a, struct task *winner, struct host *host,
                 const struct victims *victims, int64_t now_ms)
{
    char message[TASK_MESSAGE_MAX];

    (void)snprintf(message, sizeof message,
                   "gives way to task %.*s of role '%s'", (int)winner->id->size,
                   (const char *)winner->id->data, winner->job->key.role);
    keeps_hold(a, winner, host, now_ms);
    for (uint32_t i = 0; i < victims->task.count; i++) {
        struct task *victim = victims->task.item[i];
        a->preempt.counters.preempted[!victim->config->is_preemptible]++;
        (void)task_go(a, victim, TASK_PREEMPTING, message, now_ms);
    }
}

/* Look at it again, and push when it is still so. */
static void use(struct aurora *a, uint32_t at, int64_t now_ms)
{
    struct job_config *config =
        job_config_ref(a->preempt.slots.item[at].config);
    struct host *host = a->preempt.slots.item[at].host;
    struct task *winner = pusher_of(a, config, now_ms);
    struct victims victims = {0};
    int kind = !config->is_preemptible;

    slot_remove(a, at);
    if (winner && a->keeps.count < KEEPS_MAX &&
        preempt_at(a, config, host, &victims)) {
        a->preempt.counters.used[kind]++;
        push(a, winner, host, &victims, now_ms);
    } else {
        a->preempt.counters.refused[kind]++;
    }
    vec_free(&victims.task);
    job_config_unref(config);
}

void preempt_use(struct aurora *a, int64_t now_ms)
{
    bool was_used = false;

    while (a->preempt.slots.count > 0) {
        use(a, 0, now_ms);
        was_used = true;
    }
    if (was_used)
        updater_go_on(a, now_ms);
}

void preempt_release(struct aurora *a)
{
    struct preemption *p = &a->preempt;

    while (p->slots.count > 0)
        slot_remove(a, p->slots.count - 1);
    while (p->searchers.count > 0)
        searcher_remove(p, p->searchers.count - 1);
    vec_free(&p->slots);
    vec_free(&p->searchers);
    victims_release(&a->victims);
}

void preempt_check(const struct aurora *a)
{
    const struct preemption *p = &a->preempt;
    uint32_t slots = 0;

    victims_check(a);
    for (uint32_t i = 0; i < a->hosts.in_order.count; i++)
        slots += a->hosts.in_order.item[i]->victims.has_slot;
    assert(slots == p->slots.count);
    for (uint32_t i = 0; i < p->slots.count; i++)
        assert(p->slots.item[i].host->victims.has_slot);
    assert(p->slots.count <= SLOTS_MAX + 1);
}
