/* Drains at work: which tasks of a closed host may end now. */
#include "aurora/core/internal.h"
#include "aurora/core/maintenance.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static void arm(struct aurora *a, int64_t at_ms)
{
    struct maintenances *m = &a->maintenances;

    if (m->wake_ms > 0 && m->wake_ms <= at_ms)
        return;
    m->wake_ms = at_ms;
    heap_push(&a->timers, at_ms, TIMER_DRAIN, 0);
}

void maintenance_wake(struct aurora *a, int64_t at_ms)
{
    a->maintenances.is_again |= a->maintenances.at > 0;
    arm(a, at_ms);
}

static bool is_draining(const struct maintenance *m)
{
    return m && m->mode == MAINTENANCE_DRAINING;
}

int64_t drain_deadline_ms(const struct aurora *a, const struct host *host)
{
    const struct maintenance *m = maintenance_of_host(a, host);
    int64_t deadline_ms = 0;

    if (host->is_going)
        deadline_ms = host->away_from_ms;
    if (is_draining(m) &&
        (deadline_ms == 0 || m->began_ms + m->timeout_ms < deadline_ms))
        deadline_ms = m->began_ms + m->timeout_ms;
    return deadline_ms;
}

/* --- may it end? --- */

/* One pass, or a slice of it. */
struct pass {
    struct aurora *a;
    int64_t now_ms;
    int64_t steps; /* left */
    const struct host *host;
    const struct maintenance *of_host; /* NULL: only the master wants it */
    int64_t deadline_ms;
};

static void look_again(struct pass *pass, int64_t at_ms)
{
    if (at_ms < pass->a->maintenances.next_ms)
        pass->a->maintenances.next_ms = at_ms;
}

static void put_off(struct pass *pass, struct task *task, enum drain_wait wait,
                    int64_t delay_ms)
{
    task->drain_wait = wait;
    task->drain_again_ms = delay_ms > 0 ? pass->now_ms + delay_ms : 0;
    if (delay_ms > 0)
        look_again(pass, task->drain_again_ms);
}

/* The job's own policy, or the drain's. */
static struct sla_policy policy_of(const struct pass *pass,
                                   const struct job_config *config)
{
    if (config->sla.kind != SLA_NONE || !is_draining(pass->of_host))
        return config->sla;
    struct sla_policy policy = pass->of_host->policy;
    policy.is_production = config->is_production;
    return policy;
}

static void ask(struct pass *pass, struct task *task)
{
    /* Whose turn it is not is told by the answer to the one before. */
    if (coordinators_ask(pass->a, task->config, task))
        put_off(pass, task, DRAIN_WAITS_FOR_ANSWER, 0);
    else
        put_off(pass, task, DRAIN_WAITS_FOR_TURN, 0);
}

static bool may_end(struct pass *pass, struct task *task)
{
    struct aurora *a = pass->a;

    if (task->may_drain)
        return true;
    if (pass->now_ms < task->drain_again_ms) {
        look_again(pass, task->drain_again_ms);
        return false;
    }
    if (coordinators_asked(a, task))
        return false;
    struct sla_policy policy = policy_of(pass, task->config);
    if (policy.kind == SLA_NONE)
        return true;
    struct sla_facts facts = {.active = 1};
    if (policy.kind != SLA_COORDINATOR) {
        facts = sla_facts_of(a, task, policy.duration_ms, pass->now_ms);
        pass->steps -= task->job->active.count;
    }
    switch (sla_judge(&policy, &a->limits.sla, &facts)) {
    case SLA_ALLOW:
        return true;
    case SLA_REFUSE:
        put_off(pass, task,
                job_is_settled(a, task->job, pass->now_ms)
                    ? DRAIN_WAITS_FOR_POLICY
                    : DRAIN_WAITS_FOR_NEWS,
                a->limits.drain_poll_ms);
        return false;
    case SLA_ASK:
        ask(pass, task);
        return false;
    }
    return false;
}

/* --- one task, one host --- */

static void end(struct pass *pass, struct task *task, bool is_forced)
{
    struct aurora *a = pass->a;
    const struct maintenance *m = pass->of_host;
    const char *reason = is_draining(m) && m->reason ? m->reason : NULL;
    char message[REASON_MAX + 80];

    (void)snprintf(message, sizeof message, "its host is %s%s%s%s",
                   is_draining(m) ? "drained" : "about to be unavailable",
                   is_forced ? ", and there is no more time to ask" : "",
                   reason ? ": " : "", reason ? reason : "");
    task->may_drain = false;
    task->drain_wait = DRAIN_WAITS_FOR_END;
    a->maintenances.drained++;
    a->maintenances.forced += is_forced;
    (void)task_go(a, task, TASK_DRAINING, message, pass->now_ms);
}

static void look_at_task(struct pass *pass, struct task *task)
{
    pass->steps--;
    if (!task_can_restart(task)) {
        task->drain_wait = DRAIN_WAITS_FOR_END;
        return;
    }
    if (pass->now_ms >= pass->deadline_ms)
        end(pass, task, true);
    else if (may_end(pass, task))
        end(pass, task, false);
}

/* When the window of the host is over for want of repetition, unless it is
 * repeated; nobody could do that while the master is not there. Many hosts are
 * looked at in one pass. */
static int64_t silence_ms(const struct pass *pass, const struct host *host)
{
    const struct aurora *a = pass->a;
    int64_t heard_ms = host->away_heard_ms;

    if (heard_ms < a->connected_ms)
        heard_ms = a->connected_ms;
    if (!a->is_connected || host->offers || host->tasks == 0)
        heard_ms = pass->now_ms;
    int64_t end_ms = heard_ms + AWAY_SILENCE_MS;
    return end_ms + AWAY_REPEAT_MS - end_ms % AWAY_REPEAT_MS;
}

static void look_at_window(struct pass *pass, struct host *host)
{
    struct aurora *a = pass->a;
    int64_t goes_ms = host->away_from_ms - a->limits.away_window_ms;
    int64_t end_ms = silence_ms(pass, host);

    if (end_ms > host->away_until_ms)
        end_ms = host->away_until_ms;
    if (pass->now_ms >= end_ms) {
        aurora_unavailable(a, host, 0, 0, pass->now_ms);
        return;
    }
    if (!host->is_going && pass->now_ms >= goes_ms)
        maintenance_apply(a, host, pass->now_ms);
    look_again(pass, host->is_going || end_ms < goes_ms ? end_ms : goes_ms);
}

static void look_at_host(struct pass *pass, struct host *host)
{
    struct aurora *a = pass->a;
    struct task_numbers tasks = {0};

    if (host->away_from_ms > 0)
        look_at_window(pass, host);
    pass->host = host;
    pass->of_host = maintenance_of_host(a, host);
    pass->deadline_ms = drain_deadline_ms(a, host);
    if (!host->is_closed || pass->deadline_ms == 0 || !host->first_task)
        return;
    if (pass->deadline_ms > pass->now_ms)
        look_again(pass, pass->deadline_ms);
    look_again(pass, pass->now_ms + a->limits.drain_poll_ms);
    for (const struct task *t = host->first_task; t; t = t->host_next)
        *vec_add(&tasks) = t->number;
    for (uint32_t i = 0; i < tasks.count; i++) {
        struct task *task = aurora_task_by_number(a, tasks.item[i]);
        if (task && task->host == host)
            look_at_task(pass, task);
    }
    vec_free(&tasks);
}

/* --- passes --- */

/* Place of the first host of this order, or behind it. */
static uint32_t first_at(const struct hosts *hosts, uint64_t order)
{
    uint32_t low = 0, high = hosts->in_order.count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (hosts->in_order.item[middle]->order < order)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void maintenance_timer(struct aurora *a, int64_t now_ms)
{
    struct maintenances *m = &a->maintenances;
    struct pass pass = {.a = a, .now_ms = now_ms, .steps = DRAIN_STEPS};

    if (m->wake_ms == 0 || now_ms < m->wake_ms)
        return;
    m->wake_ms = 0;
    if (m->at == 0)
        m->next_ms = INT64_MAX;
    for (uint32_t i = first_at(&a->hosts, m->at); i < a->hosts.in_order.count;
         i++) {
        struct host *host = a->hosts.in_order.item[i];
        look_at_host(&pass, host);
        if (pass.steps > 0)
            continue;
        m->at = host->order + 1;
        arm(a, now_ms + 1);
        return;
    }
    m->at = 0;
    if (m->is_again)
        m->next_ms = now_ms;
    m->is_again = false;
    if (m->next_ms < INT64_MAX)
        arm(a, m->next_ms > now_ms ? m->next_ms : now_ms + 1);
}

void drain_ask_anew(struct aurora *a)
{
    for (uint32_t i = 0; i < a->hosts.in_order.count; i++) {
        const struct host *host = a->hosts.in_order.item[i];
        for (struct task *t = host->is_closed ? host->first_task : NULL; t;
             t = t->host_next)
            t->drain_again_ms = 0;
    }
}

/* --- news after a while without the master (settle.h) --- */

bool drain_awaits_news(const struct aurora *a, const struct job *job)
{
    if (a->maintenances.wake_ms == 0)
        return false;
    for (const struct task *t = job->active.first; t; t = t->next)
        if (t->drain_wait == DRAIN_WAITS_FOR_NEWS)
            return true;
    return false;
}

void drain_look_again(struct aurora *a, const struct job *job, int64_t now_ms)
{
    if (!drain_awaits_news(a, job))
        return;
    for (struct task *t = job->active.first; t; t = t->next)
        if (t->drain_wait == DRAIN_WAITS_FOR_NEWS)
            t->drain_again_ms = 0;
    maintenance_wake(a, now_ms);
}

void maintenance_coordinated(struct aurora *a, struct task *task, bool may_end,
                             int64_t now_ms)
{
    task->drain_wait = DRAIN_WAITS_FOR_NOBODY;
    if (!may_end) {
        task->drain_wait = DRAIN_WAITS_FOR_COORDINATOR;
        task->drain_again_ms = now_ms + a->limits.drain_poll_ms;
    }
    /* A drain that was ended meanwhile asks for nothing any more. */
    task->may_drain = may_end && task->host && task->host->is_closed;
    maintenance_wake(a, now_ms);
}
