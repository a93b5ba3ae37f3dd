#include "aurora/core/hosts_trouble.h"
#include "aurora/core/internal.h"
#include "base/hash.h"

#include <assert.h>
#include <stdio.h>

enum { LOOKED_AT_MAX = 1000 }; /* tasks, for one that runs elsewhere */

static struct host *host_of(const struct aurora *a, uint64_t number)
{
    for (uint32_t i = 0; i < a->hosts.in_order.count; i++)
        if (a->hosts.in_order.item[i]->number == number)
            return a->hosts.in_order.item[i];
    return NULL;
}

static bool runs_elsewhere(const struct task *task)
{
    uint32_t looked = 0;

    for (const struct task *t = task->job->active.first;
         t && looked < LOOKED_AT_MAX; t = t->next, looked++)
        if (t->state == TASK_RUNNING && t->config == task->config &&
            t->host != task->host)
            return true;
    return false;
}

/* Remember where it failed; true when that is here only, or nearly so. */
static bool fails_here(struct job *job, const struct host *host, int64_t now_ms)
{
    struct job_failing *f = &job->failing;
    uint32_t others = 0;
    bool is_known = false;

    for (uint32_t i = 0; i < FAILING_HOSTS; i++) {
        bool is_this = f->host[i] == host->number;
        if (is_this)
            f->at_ms[i] = now_ms;
        is_known |= is_this;
        others += f->host[i] != 0 && !is_this &&
                  now_ms - f->at_ms[i] < TROUBLE_WINDOW_MS;
    }
    if (!is_known) {
        f->host[f->next] = host->number;
        f->at_ms[f->next] = now_ms;
        f->next = (f->next + 1) % FAILING_HOSTS;
    }
    return others < FAILING_HOSTS - 1;
}

static bool has_enough(const struct trouble *t, int64_t now_ms)
{
    uint32_t failures = 0;
    bool is_host = false;
    uint64_t job = 0;

    for (uint32_t i = 0; i < FAILURES_KEPT; i++) {
        const struct host_failure *f = &t->failure[i];
        if (f->job == 0 || now_ms - f->at_ms >= TROUBLE_WINDOW_MS)
            continue;
        failures++;
        is_host |= f->runs_elsewhere || (job != 0 && f->job != job);
        job = f->job;
    }
    return failures >= FAILURES_MIN && is_host;
}

static bool may_avoid_one_more(const struct aurora *a)
{
    return (a->hosts_in_trouble + 1) * TROUBLE_SHARE <= a->hosts.in_order.count;
}

static void avoid(struct aurora *a, struct host *host, int64_t now_ms)
{
    struct trouble *t = &host->trouble;
    char message[64];

    if (t->state == TROUBLE_NONE) {
        if (!may_avoid_one_more(a))
            return;
        a->hosts_in_trouble++;
        a->counters.hosts_avoided++;
    }
    t->state = TROUBLE_AVOIDED;
    t->delay_ms = t->delay_ms ? t->delay_ms * 2 : TROUBLE_FIRST_MS;
    if (t->delay_ms > TROUBLE_MAX_MS)
        t->delay_ms = TROUBLE_MAX_MS;
    t->until_ms = now_ms + t->delay_ms;
    t->probe = 0;
    heap_push(&a->timers, t->until_ms, TIMER_HOST, host->number);
    hosts_avoid(&a->hosts, host, true);
    (void)snprintf(message, sizeof message,
                   "tasks fail on it; it is tried again in %lld s",
                   (long long)t->delay_ms / 1000);
    (void)event_log_host(&a->events, HOST_IN_TROUBLE, host, message, now_ms);
}

static void forgive(struct aurora *a, struct host *host, int64_t now_ms)
{
    assert(a->hosts_in_trouble > 0);
    a->hosts_in_trouble--;
    host->trouble = (struct trouble){0};
    hosts_avoid(&a->hosts, host, false);
    a->place_wanted = true;
    (void)event_log_host(&a->events, HOST_RECOVERED, host, NULL, now_ms);
}

void trouble_forget(struct aurora *a, struct host *host)
{
    if (host->trouble.state == TROUBLE_NONE)
        return;
    assert(a->hosts_in_trouble > 0);
    a->hosts_in_trouble--;
    host->trouble = (struct trouble){0};
}

void trouble_check(const struct aurora *a)
{
    uint32_t in_trouble = 0;

    for (uint32_t i = 0; i < a->hosts.in_order.count; i++) {
        const struct host *host = a->hosts.in_order.item[i];
        const struct trouble *t = &host->trouble;
        in_trouble += t->state != TROUBLE_NONE;
        assert(host->is_avoided == (t->state == TROUBLE_AVOIDED ||
                                    (t->state == TROUBLE_PROBING && t->probe)));
    }
    assert(in_trouble == a->hosts_in_trouble);
}

void trouble_note_placed(struct aurora *a, struct task *task)
{
    struct trouble *t = &task->host->trouble;

    if (t->state != TROUBLE_PROBING)
        return;
    t->probe = task->number;
    hosts_avoid(&a->hosts, task->host, true); /* one is enough */
}

void trouble_note_running(struct aurora *a, struct task *task, int64_t now_ms)
{
    if (!task->host || task->host->trouble.probe != task->number)
        return;
    task->host->trouble.until_ms = now_ms + QUICK_MS;
    heap_push(&a->timers, now_ms + QUICK_MS, TIMER_HOST, task->host->number);
}

static int64_t started_ms(const struct task *task)
{
    for (uint32_t i = 0; i < task->events.count; i++)
        if (task->events.item[i].state == TASK_ASSIGNED)
            return task->events.item[i].at_ms;
    return 0;
}

static bool failed_quickly(const struct task *task, int64_t now_ms)
{
    /* Lost before it started: an offer was withdrawn in time, no more. */
    bool is_lost = task->state == TASK_LOST && (task_was(task, TASK_STARTING) ||
                                                task_was(task, TASK_RUNNING));

    return (task->state == TASK_FAILED || is_lost) &&
           !task_was(task, TASK_KILLING) && !task_was(task, TASK_RESTARTING) &&
           !task_was(task, TASK_DRAINING) && !task_was(task, TASK_PREEMPTING) &&
           !task_was(task, TASK_PARTITIONED) &&
           now_ms - started_ms(task) < QUICK_MS;
}

/* What the probe's end says. */
static void probe_ended(struct aurora *a, struct task *task, int64_t now_ms)
{
    struct host *host = task->host;

    if (task->state == TASK_FINISHED || now_ms - started_ms(task) >= QUICK_MS) {
        forgive(a, host, now_ms);
    } else if (failed_quickly(task, now_ms)) {
        avoid(a, host, now_ms);
    } else { /* killed: it says nothing, so try another one */
        host->trouble.probe = 0;
        hosts_avoid(&a->hosts, host, false);
        a->place_wanted = true;
    }
}

void trouble_note_ended(struct aurora *a, struct task *task, int64_t now_ms)
{
    struct host *host = task->host;
    struct trouble *t = &host->trouble;

    if (t->probe == task->number && t->state == TROUBLE_PROBING) {
        probe_ended(a, task, now_ms);
        return;
    }
    if (t->state != TROUBLE_NONE || !failed_quickly(task, now_ms))
        return;
    bool elsewhere = runs_elsewhere(task);
    bool is_here = fails_here(task->job, host, now_ms);
    if (!elsewhere && !is_here)
        return;
    t->failure[t->next] = (struct host_failure){
        hash64(blob_bytes(task->job->key_text), 1) | 1, now_ms, elsewhere};
    t->next = (t->next + 1) % FAILURES_KEPT;
    if (has_enough(t, now_ms))
        avoid(a, host, now_ms);
}

void trouble_timer(struct aurora *a, uint64_t number, int64_t now_ms)
{
    struct host *host = host_of(a, number);

    if (!host || host->trouble.state == TROUBLE_NONE ||
        host->trouble.until_ms > now_ms)
        return;
    if (host->trouble.state == TROUBLE_AVOIDED) {
        host->trouble.state = TROUBLE_PROBING;
        hosts_avoid(&a->hosts, host, false);
        a->place_wanted = true;
        return;
    }
    const struct task *probe = aurora_task_by_number(a, host->trouble.probe);
    if (probe && probe->state == TASK_RUNNING)
        forgive(a, host, now_ms);
}
