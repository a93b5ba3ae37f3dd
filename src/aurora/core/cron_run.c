/* Cron jobs at work: times come, runs begin and end, other runs follow. */
#include "aurora/core/internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static struct cron *cron_by_number(const struct aurora *a, uint64_t number)
{
    return number < a->crons.count ? a->crons.item[number] : NULL;
}

void cron_look_again(struct aurora *a, struct cron *cron)
{
    if (cron->is_due)
        return;
    cron->is_due = true;
    *vec_add(&a->due_crons) = cron->number;
}

/* --- firings --- */

static void firing_go(struct aurora *a, struct firing *f,
                      enum firing_state state, int64_t now_ms)
{
    struct cron *cron = f->job->cron;

    f->state = state;
    if (firing_is_over(f)) {
        if (f->started_ms > 0)
            f->ended_ms = now_ms;
        cron_count(&cron->stats, f);
        mark_job(a, f->job);
    }
    if (state == FIRING_SUCCEEDED)
        for (uint32_t i = 0; i < cron->children.count; i++)
            cron_look_again(a, cron->children.item[i]);
    mark_firing(a, f);
    (void)event_log_firing(&a->events, f, now_ms);
    notices_tell_run(a, f, now_ms);
}

/* What is over goes when there is more than enough of it, oldest first. */
static void forget_old(struct aurora *a, struct cron *cron)
{
    uint32_t over = 0, at = 0;

    for (uint32_t i = 0; i < cron->firings.count; i++)
        over += firing_is_over(cron->firings.item[i]);
    for (; over > FIRINGS_KEPT; over--) {
        while (!firing_is_over(cron->firings.item[at]))
            at++;
        struct firing *gone = cron->firings.item[at];
        vec_remove(&cron->firings, at);
        records_free_firing(a, gone);
    }
}

static struct firing *add_firing(struct cron *cron, int64_t id,
                                 const struct cron_run *run, int64_t now_ms)
{
    struct firing *f = cron_add_firing(cron, id);

    f->at = f->first = run->at;
    f->wall = run->wall;
    f->decided_ms = now_ms;
    return f;
}

/* --- runs begin --- */

static bool is_free_block(const struct job *job, uint32_t base)
{
    for (uint32_t i = 0; i < job->instances; i++)
        if (job_active(job, base + i))
            return false;
    return true;
}

/* Runs that overlap have instances of their own, behind those of the others: an
 * instance never has two tasks. */
static uint32_t first_instance(const struct job *job)
{
    uint32_t base = 0;

    while (!is_free_block(job, base))
        base += job->instances;
    return base;
}

/* Its tasks, all of them; the record is saved with them. */
static void start_tasks(struct aurora *a, struct firing *f, int64_t now_ms)
{
    struct job *job = f->job;

    f->tries++;
    uint32_t base = first_instance(job);
    f->instances = job->instances;
    f->finished = 0;
    if (f->started_ms == 0)
        f->started_ms = job->cron->stats.last_start_ms = now_ms;
    for (uint32_t i = 0; i < job->cron->parent_count && f->tries == 1; i++)
        job->cron->parent[i].seen = job->cron->parent[i].cron->stats.successes;
    firing_go(a, f, FIRING_ACTIVE, now_ms);
    if (job->cron->parent_count > 0)
        mark_job(a, job);
    for (uint32_t i = 0; i < f->instances; i++) {
        struct task *task =
            task_start(a, job, job->config, base + i, NULL, now_ms);
        task->firing = f->id;
    }
}

static void kill_old(struct aurora *a, struct job *job, const struct firing *f,
                     int64_t now_ms)
{
    struct task_numbers numbers = {0};
    char message[96];

    (void)snprintf(message, sizeof message,
                   "its next run is due (%lld), and KILL_EXISTING ends the "
                   "old one",
                   (long long)f->at);
    for (const struct task *t = job->active.first; t; t = t->next)
        *vec_add(&numbers) = t->number;
    for (uint32_t i = 0; i < numbers.count; i++) {
        struct task *task = aurora_task_by_number(a, numbers.item[i]);
        if (task && task_machine_is_active(task->state))
            (void)task_go(a, task, TASK_KILLING, message, now_ms);
    }
    vec_free(&numbers);
}

/* Its quota counts one run of a job; another one beside that takes more. */
static bool may_run_beside(struct aurora *a, const struct job *job)
{
    return job->active.count == 0 || quota_check_run(a, job, NULL) == 0;
}

/* What collides is decided here. A run that catches up, or that follows another
 * job, waits for its turn. */
static void begin(struct aurora *a, struct firing *f, bool is_patient,
                  int64_t now_ms)
{
    struct job *job = f->job;
    enum collision collision = job->config->cron->collision;
    bool is_free = job->active.count == 0 ||
                   (collision == COLLISION_RUN_OVERLAP && !is_patient &&
                    job->active.count / job->instances < OVERLAPS_MAX &&
                    may_run_beside(a, job));

    if (cron_waiting(job->cron) && !is_patient) {
        firing_go(a, f, FIRING_CANCELLED, now_ms);
    } else if (is_free && !cron_waiting(job->cron)) {
        start_tasks(a, f, now_ms);
    } else if (is_patient) {
        firing_go(a, f, FIRING_WAITING, now_ms);
    } else if (collision == COLLISION_KILL_EXISTING) {
        firing_go(a, f, FIRING_WAITING, now_ms);
        kill_old(a, job, f, now_ms);
    } else {
        firing_go(a, f, FIRING_CANCELLED, now_ms);
    }
}

/* --- times come --- */

/* The first time behind `after`; at 0: there is none. */
static struct cron_run time_after(const struct cron *cron, int64_t after)
{
    const struct cron_rule *rule = cron->job->config->cron;
    struct cron_run run;

    if (rule->zone &&
        cron_next(&rule->schedule, rule->zone, cron->made, after, &run))
        return run;
    return (struct cron_run){0};
}

static void wait_for(struct aurora *a, struct cron *cron, struct cron_run run)
{
    cron->next = run;
    if (run.at != 0)
        heap_push(&a->timers,
                  run.at * 1000 +
                      cron_due_ms(&cron->job->config->cron->schedule),
                  TIMER_CRON, cron->number);
}

void cron_arm(struct aurora *a, struct cron *cron)
{
    bool is_idle = cron->is_paused || cron->job->is_killed;

    wait_for(a, cron,
             is_idle ? (struct cron_run){0} : time_after(cron, cron->decided));
}

static void note_missed(struct aurora *a, struct cron *cron,
                        const struct cron_due *due, int64_t now_ms)
{
    if (due->last_missed.at == 0)
        return;
    struct firing *f =
        add_firing(cron, due->last_missed.at * 2, &due->last_missed, now_ms);
    f->first = due->first_missed.at;
    firing_go(a, f, FIRING_MISSED, now_ms);
}

/* Everything up to now is decided upon by this. That it is, the records of the
 * firings say: the job's need not be written for it. */
static void fire(struct aurora *a, struct cron *cron,
                 const struct cron_due *due, int64_t now_ms)
{
    cron->decided = cron_clock_ms(cron->job, now_ms) / 1000;
    note_missed(a, cron, due, now_ms);
    for (uint32_t i = 0; i < due->start.count; i++) {
        const struct cron_run *run = &due->start.item[i];
        struct firing *f = add_firing(cron, run->at * 2, run, now_ms);
        bool is_late = cron_late_ms(f, now_ms) > CRON_PATIENCE_MS;
        begin(a, f, due->start.count > 1 || is_late, now_ms);
    }
}

/* A person starts a run, whatever the clock says, also of a paused job. */
const struct firing *cron_fire_now(struct aurora *a, struct cron *cron,
                                   struct cron_run run, int64_t now_ms)
{
    const struct zone *zone = cron->job->config->cron->zone;

    run.wall = run.at + (zone ? zone_span(zone, run.at).offset : 0);
    struct firing *f = add_firing(cron, run.at * 2 + 1, &run, now_ms);
    begin(a, f, false, now_ms);
    return f;
}

void cron_cancel_waiting(struct aurora *a, struct cron *cron, int64_t now_ms)
{
    struct firing *f;

    while ((f = cron_waiting(cron)) != NULL)
        firing_go(a, f, FIRING_CANCELLED, now_ms);
}

/* Nearly always one time is due, which is known; then the one behind it is the
 * only one to be worked out. */
static void ring(struct aurora *a, struct cron *cron, int64_t now_ms)
{
    const struct cron_rule *rule = cron->job->config->cron;
    struct cron_run next = time_after(cron, cron->next.at);
    int64_t clock_ms = cron_clock_ms(cron->job, now_ms);
    struct cron_due due;

    if (next.at != 0 && next.at * 1000 <= clock_ms) {
        cron_due(rule, cron->made, cron->decided, clock_ms, &due);
        next = time_after(cron, clock_ms / 1000);
    } else {
        cron_due_one(rule, &cron->next, clock_ms, &due);
    }
    fire(a, cron, &due, now_ms);
    cron_due_release(&due);
    wait_for(a, cron, next);
    forget_old(a, cron);
}

void cron_timer(struct aurora *a, uint64_t number)
{
    *vec_add(&a->ringing_crons) = number;
}

enum { FETCH_CRON = 12, FETCH_JOB = 8, FETCH_CONFIG = 5, FETCH_RULE = 2 };

static void fetch(const void *at, size_t size)
{
    enum { LINE = 64 };

    for (size_t offset = 0; offset < size; offset += LINE)
        __builtin_prefetch((const char *)at + offset);
}

/* Of a million jobs, those that ring are in no cache: while one is decided
 * upon, the memory of the next ones is on its way. */
static void fetch_ahead(const struct aurora *a, uint32_t i)
{
    const struct cron *cron;
    uint32_t count = a->ringing_crons.count;
    const uint64_t *number = a->ringing_crons.item;

    if (i + FETCH_CRON < count &&
        (cron = cron_by_number(a, number[i + FETCH_CRON])))
        fetch(cron, sizeof *cron);
    if (i + FETCH_JOB < count &&
        (cron = cron_by_number(a, number[i + FETCH_JOB])))
        fetch(cron->job, sizeof *cron->job);
    if (i + FETCH_CONFIG < count &&
        (cron = cron_by_number(a, number[i + FETCH_CONFIG])))
        fetch(cron->job->config, sizeof *cron->job->config);
    if (i + FETCH_RULE < count &&
        (cron = cron_by_number(a, number[i + FETCH_RULE])))
        fetch(cron->job->config->cron, sizeof *cron->job->config->cron);
}

void crons_ring(struct aurora *a, int64_t now_ms)
{
    for (uint32_t i = 0; i < a->ringing_crons.count; i++) {
        fetch_ahead(a, i);
        struct cron *cron = cron_by_number(a, a->ringing_crons.item[i]);
        /* Timers of a schedule that changed since ring for nothing. */
        if (cron && cron->next.at != 0 &&
            cron->next.at * 1000 <= cron_clock_ms(cron->job, now_ms))
            ring(a, cron, now_ms);
    }
    a->ringing_crons.count = 0;
}

/* --- runs end --- */

void cron_note_ended(struct aurora *a, const struct task *task)
{
    struct cron *cron = task->job->cron;

    if (!cron)
        return;
    cron_look_again(a, cron);
    struct firing *f = task->firing ? cron_firing(cron, task->firing) : NULL;
    if (!f || f->state != FIRING_ACTIVE)
        return;
    f->finished += task->state == TASK_FINISHED;
    /* What waited for a host is deleted, not ended. */
    f->is_killed |=
        task_was(task, TASK_KILLING) || !task_machine_is_terminal(task->state);
    mark_firing(a, f);
}

void cron_note_follows(struct aurora *a, struct task *task,
                       const struct task *ancestor)
{
    struct cron *cron = task->job->cron;

    task->firing = ancestor->firing;
    struct firing *f =
        cron && task->firing ? cron_firing(cron, task->firing) : NULL;
    if (!f || ancestor->state != TASK_FINISHED)
        return;
    f->finished--; /* it was restarted, and runs again */
    mark_firing(a, f);
}

static bool has_tasks(const struct firing *f)
{
    for (const struct task *t = f->job->active.first; t; t = t->next)
        if (t->firing == f->id)
            return true;
    return false;
}

static void end_run(struct aurora *a, struct firing *f, int64_t now_ms)
{
    const struct job *job = f->job;

    if (f->finished >= f->instances) {
        firing_go(a, f, FIRING_SUCCEEDED, now_ms);
    } else if (f->is_killed) {
        firing_go(a, f, FIRING_KILLED, now_ms);
    } else if (f->tries <= job->config->cron->retries && !job->is_killed &&
               may_run_beside(a, job)) {
        job->cron->stats.retried++;
        mark_job(a, f->job);
        start_tasks(a, f, now_ms);
    } else {
        firing_go(a, f, FIRING_FAILED, now_ms);
    }
}

/* A job with parents runs when each had a success since its last start; at most
 * one run of it waits. Its time is that of the newest success. */
static void follow_parents(struct aurora *a, struct cron *cron, int64_t now_ms)
{
    const struct cron *blocking;
    int64_t at = 0;

    if (cron->parent_count == 0 || cron->is_paused || cron->job->is_killed ||
        cron_waiting(cron) || cron_blocked_by(cron, &blocking) != CRON_READY)
        return;
    for (uint32_t i = 0; i < cron->parent_count; i++) {
        int64_t ended = cron->parent[i].cron->stats.last_success_ms / 1000;
        at = ended > at ? ended : at;
    }
    if (at <= cron->decided)
        at = cron->decided + 1;
    cron->decided = at;
    struct cron_run run = {.at = at, .wall = at};
    begin(a, add_firing(cron, at * 2, &run, now_ms), true, now_ms);
    mark_job(a, cron->job);
}

static void go_on(struct aurora *a, struct cron *cron, int64_t now_ms)
{
    for (uint32_t i = 0; i < cron->firings.count; i++) {
        struct firing *f = cron->firings.item[i];
        if (f->state == FIRING_ACTIVE && !has_tasks(f))
            end_run(a, f, now_ms);
    }
    follow_parents(a, cron, now_ms);
    struct firing *next = cron_waiting(cron);
    if (next && cron->job->active.count == 0)
        start_tasks(a, next, now_ms);
    forget_old(a, cron);
}

void crons_go_on(struct aurora *a, int64_t now_ms)
{
    for (uint32_t i = 0; i < a->due_crons.count; i++) {
        struct cron *cron = cron_by_number(a, a->due_crons.item[i]);
        if (!cron)
            continue;
        cron->is_due = false;
        go_on(a, cron, now_ms);
    }
    a->due_crons.count = 0;
}
