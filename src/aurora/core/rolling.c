/* Rolling restarts and kills: what they do next. */
#include "aurora/core/internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* --- the record --- */

struct rolling *rolling_new(enum rolling_kind kind)
{
    struct rolling *r = xcalloc(1, sizeof *r);

    r->kind = kind;
    r->state = ROLLING_UNDER_WAY;
    return r;
}

void rolling_free(struct rolling *r)
{
    if (!r)
        return;
    assert(!r->is_due);
    blob_unref(r->message);
    blob_unref(r->note);
    vec_free(&r->failed);
    vec_free(&r->changed);
    free(r->part);
    free(r);
}

struct part *rolling_add(struct rolling *r, uint32_t instance,
                         enum part_phase phase)
{
    uint32_t n = r->part_count;

    assert(n == 0 || r->part[n - 1].instance < instance);
    if ((n & (n - 1)) == 0) /* capacities are powers of two */
        r->part = xreallocarray(r->part, n ? 2 * n : 1, sizeof *r->part);
    r->part[n] = (struct part){.instance = instance, .phase = phase};
    r->part_count++;
    r->count[phase]++;
    return &r->part[n];
}

struct part *rolling_part(struct rolling *r, uint32_t instance)
{
    uint32_t low = 0, high = r->part_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (r->part[middle].instance < instance)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < r->part_count && r->part[low].instance == instance)
        return &r->part[low];
    return NULL;
}

void rolling_set_phase(struct rolling *r, struct part *part,
                       enum part_phase phase)
{
    assert(r->count[part->phase] > 0);
    r->count[part->phase]--;
    part->phase = phase;
    r->count[phase]++;
}

uint32_t rolling_left(const struct rolling *r)
{
    return r->count[PART_WAITING] + r->count[PART_WORKING];
}

void rolling_check(const struct rolling *r)
{
    uint32_t count[PART_PHASE_COUNT] = {0};

    for (uint32_t i = 0; i < r->part_count; i++) {
        count[r->part[i].phase]++;
        assert(i == 0 || r->part[i - 1].instance < r->part[i].instance);
        assert((r->part[i].phase == PART_WAITING) == (i >= r->next));
    }
    if (r->state == ROLLING_UNDER_WAY) {
        assert(count[PART_WAITING] == r->count[PART_WAITING]);
        assert(count[PART_WORKING] == r->count[PART_WORKING]);
        assert(r->settings.batch_size > 0 && rolling_left(r) > 0);
    } else {
        assert(r->part_count == 0);
    }
    assert(r->failed.count == r->count[PART_FAILED]);
}

/* --- what changes --- */

struct rolling *job_rolling(const struct job *job)
{
    struct rolling *r = job->rolling;

    return r && r->state == ROLLING_UNDER_WAY ? r : NULL;
}

static void set_due(struct aurora *a, struct job *job)
{
    if (job->rolling->is_due)
        return;
    job->rolling->is_due = true;
    *vec_add(&a->due_rolling) = job;
}

static void set_changed(struct aurora *a, struct job *job, struct part *part)
{
    struct rolling *r = job->rolling;

    if (part->is_changed)
        return;
    part->is_changed = true;
    *vec_add(&r->changed) = (uint32_t)(part - r->part);
    set_due(a, job);
}

static struct part *working_part(const struct task *task)
{
    struct rolling *r = job_rolling(task->job);
    struct part *part = r ? rolling_part(r, task->instance) : NULL;

    return part && part->phase == PART_WORKING ? part : NULL;
}

/* It ended, and nobody had asked it to. */
static bool ended_by_itself(const struct task *task)
{
    if (!task_machine_is_terminal(task->state))
        return false;
    if (task->state == TASK_FINISHED && !task->config->is_service)
        return false;
    return !task_was(task, TASK_RESTARTING) && !task_was(task, TASK_KILLING) &&
           !task_was(task, TASK_DRAINING) && !task_was(task, TASK_PREEMPTING);
}

/* Kills were sent for as long as that makes sense, and nothing came back. */
static bool was_given_up(const struct task *task)
{
    uint32_t n = task->events.count;
    const struct task_event *e = task->events.item;

    return n >= 2 && e[n - 1].state == TASK_LOST &&
           e[n - 2].state == TASK_KILLING &&
           e[n - 1].at_ms - e[n - 2].at_ms >= TRANSIENT_TIMEOUT_MS;
}

void rolling_note(struct aurora *a, const struct task *task)
{
    struct part *part = working_part(task);

    if (!part)
        return;
    bool is_kill = task->job->rolling->kind == ROLLING_KILL;
    if (is_kill ? was_given_up(task) : ended_by_itself(task)) {
        part->failures++;
        mark_job(a, task->job);
    }
    set_changed(a, task->job, part);
}

static void tell(struct aurora *a, struct job *job, const struct part *part,
                 int64_t now_ms)
{
    (void)event_log_rolling(&a->events, job, part, now_ms);
    mark_job(a, job);
}

/* --- one instance --- */

static void end_part(struct aurora *a, struct job *job, struct part *part,
                     enum part_phase phase, int64_t now_ms)
{
    struct rolling *r = job->rolling;

    rolling_set_phase(r, part, phase);
    if (phase == PART_FAILED) {
        *vec_add(&r->failed) = part->instance;
        r->batch_failed++;
    }
    tell(a, job, part, now_ms);
}

static void watch(struct aurora *a, struct part *part, const struct task *task,
                  int64_t at_ms)
{
    if (part->watch_ms == at_ms)
        return;
    part->watch_ms = at_ms;
    heap_push(&a->timers, at_ms, TIMER_ROLLING, task->number);
}

/* An instance that ended for good has nothing that could run again. */
static void look_at_restarted(struct aurora *a, struct job *job,
                              struct part *part, int64_t now_ms)
{
    const struct rolling_settings *s = &job->rolling->settings;
    const struct task *task = job_active(job, part->instance);

    if (s->instance_failures_max != ROLLING_FAILURES_ANY &&
        part->failures > s->instance_failures_max)
        end_part(a, job, part, PART_FAILED, now_ms);
    else if (!task)
        end_part(a, job, part, PART_DONE, now_ms);
    else if (task->state != TASK_RUNNING)
        return;
    else if (now_ms - task_since_ms(task) < s->watch_ms)
        watch(a, part, task, task_since_ms(task) + s->watch_ms);
    else if (task_is_settled(a, task, now_ms))
        end_part(a, job, part, PART_DONE, now_ms);
}

static void look_at_killed(struct aurora *a, struct job *job, struct part *part,
                           int64_t now_ms)
{
    struct task *task = job_active(job, part->instance);

    if (part->failures > 0)
        end_part(a, job, part, PART_FAILED, now_ms);
    else if (!task)
        end_part(a, job, part, PART_DONE, now_ms);
}

static void look_at(struct aurora *a, struct job *job, struct part *part,
                    int64_t now_ms)
{
    if (part->phase != PART_WORKING)
        return;
    if (job->rolling->kind == ROLLING_KILL)
        look_at_killed(a, job, part, now_ms);
    else
        look_at_restarted(a, job, part, now_ms);
}

/* --- batches --- */

static void begin_part(struct aurora *a, struct job *job, struct part *part,
                       int64_t now_ms)
{
    struct rolling *r = job->rolling;
    bool is_kill = r->kind == ROLLING_KILL;
    struct task *task = job_active(job, part->instance);
    char message[TASK_MESSAGE_MAX];

    /* It starts afresh, or is on its way out, or gone. */
    if (!task || (!is_kill && !task_can_restart(task))) {
        end_part(a, job, part, PART_DONE, now_ms);
        return;
    }
    rolling_set_phase(r, part, PART_WORKING);
    tell(a, job, part, now_ms);
    set_changed(a, job, part);
    snprintf(message, sizeof message, "%.*s",
             r->message ? (int)r->message->size : 0,
             r->message ? (const char *)r->message->data : "");
    (void)task_go(a, task, is_kill ? TASK_KILLING : TASK_RESTARTING,
                  *message  ? message
                  : is_kill ? "killed"
                            : "restarted",
                  now_ms);
}

/* Those that were to go and have not been asked to stay after all. */
static void spare(struct job *job)
{
    const struct rolling *r = job->rolling;
    uint32_t living = job_living(job);

    if (!r->is_whole) {
        job->instances += r->count[PART_WAITING];
    } else if (living > 0) {
        job->is_killed = false;
        job->instances =
            job->config->is_service ? living : r->count[PART_WAITING];
    }
}

static void end(struct aurora *a, struct job *job, enum rolling_state state,
                const char *note, int64_t now_ms)
{
    struct rolling *r = job->rolling;

    r->state = state;
    r->ended_ms = now_ms;
    if (note)
        r->note = blob_new(bytes_of_text(note));
    if (r->kind == ROLLING_KILL)
        spare(job);
    free(r->part);
    r->part = NULL;
    r->part_count = r->next = 0;
    vec_free(&r->changed);
    (void)event_log_rolling(&a->events, job, NULL, now_ms);
    if (!job->is_removed)
        records_tell_job(a, EVENT_JOB_CHANGED, job, now_ms);
    job_settle(a, job, now_ms);
}

static bool is_too_bad(const struct rolling *r)
{
    if (r->settings.failures_max == ROLLING_FAILURES_ANY)
        return false;
    return (r->kind == ROLLING_KILL
                ? r->batches_failed
                : r->count[PART_FAILED]) > r->settings.failures_max;
}

static void give_up(struct aurora *a, struct job *job, int64_t now_ms)
{
    const struct rolling *r = job->rolling;
    char note[128];

    if (r->kind == ROLLING_KILL)
        snprintf(note, sizeof note,
                 "%u batches were not killed in time: %u may; %u instances are "
                 "left",
                 r->batches_failed, r->settings.failures_max,
                 r->count[PART_WAITING]);
    else
        snprintf(note, sizeof note,
                 "%u instances failed: %u may; %u were not restarted",
                 r->count[PART_FAILED], r->settings.failures_max,
                 r->count[PART_WAITING]);
    end(a, job, ROLLING_FAILED, note, now_ms);
}

static void next_batch(struct aurora *a, struct job *job, int64_t now_ms)
{
    struct rolling *r = job->rolling;

    r->batches_failed += r->batch_failed > 0;
    r->batch_failed = 0;
    if (is_too_bad(r)) {
        give_up(a, job, now_ms);
        return;
    }
    while (r->next < r->part_count &&
           r->count[PART_WORKING] < r->settings.batch_size)
        begin_part(a, job, &r->part[r->next++], now_ms);
    if (rolling_left(r) == 0)
        end(a, job, ROLLING_DONE, NULL, now_ms);
}

static void step(struct aurora *a, struct job *job, int64_t now_ms)
{
    struct rolling *r = job->rolling;

    if (r->state != ROLLING_UNDER_WAY)
        return;
    while (r->changed.count > 0) {
        struct part *part = &r->part[r->changed.item[--r->changed.count]];
        part->is_changed = false;
        look_at(a, job, part, now_ms);
    }
    if (r->kind == ROLLING_RESTART && is_too_bad(r))
        give_up(a, job, now_ms);
    else if (r->count[PART_WORKING] == 0)
        next_batch(a, job, now_ms);
}

void rolling_go_on(struct aurora *a, int64_t now_ms)
{
    while (a->due_rolling.count > 0) {
        struct job *job = a->due_rolling.item[--a->due_rolling.count];
        job->rolling->is_due = false;
        step(a, job, now_ms);
    }
}

void rolling_timer(struct aurora *a, uint64_t task_number)
{
    struct task *task = aurora_task_by_number(a, task_number);
    struct part *part = task ? working_part(task) : NULL;

    if (!part)
        return;
    part->watch_ms = 0;
    set_changed(a, task->job, part);
}

/* --- beginning and ending --- */

void rolling_begin_take(struct aurora *a, struct job *job, struct rolling *r,
                        int64_t now_ms)
{
    assert(!job_rolling(job) && r->part_count > 0);
    rolling_forget(a, job);
    job->rolling = r;
    r->began_ms = now_ms;
    r->number = a->events.next;
    tell(a, job, NULL, now_ms);
    set_due(a, job);
}

void rolling_cancel(struct aurora *a, struct job *job, const char *note,
                    int64_t now_ms)
{
    if (job_rolling(job))
        end(a, job, ROLLING_CANCELLED, note, now_ms);
}

void rolling_look_again(struct aurora *a, struct job *job)
{
    struct rolling *r = job_rolling(job);

    if (!r)
        return;
    for (uint32_t i = 0; i < r->part_count; i++)
        if (r->part[i].phase == PART_WORKING)
            set_changed(a, job, &r->part[i]);
    set_due(a, job);
}

void rolling_forget(struct aurora *a, struct job *job)
{
    if (!job->rolling)
        return;
    for (uint32_t i = a->due_rolling.count; i-- > 0;)
        if (a->due_rolling.item[i] == job)
            vec_remove(&a->due_rolling, i);
    job->rolling->is_due = false;
    rolling_free(job->rolling);
    job->rolling = NULL;
}
