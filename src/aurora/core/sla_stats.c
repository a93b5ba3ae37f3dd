#include "aurora/core/sla_stats.h"
#include "aurora/core/internal.h"
#include "aurora/core/sla_figures.h"

#include <stdlib.h>
#include <string.h>

const uint32_t SLA_PERCENTILE_MILLI[SLA_PERCENTILES] = {50000, 75000, 90000,
                                                        95000, 99000};

const char *sla_group_name(enum sla_group group)
{
    static const char *const name[SLA_GROUPS] = {
        "cluster",     "cpu_small",   "cpu_medium",  "cpu_large",
        "cpu_xlarge",  "cpu_xxlarge", "ram_small",   "ram_medium",
        "ram_large",   "ram_xlarge",  "ram_xxlarge", "disk_small",
        "disk_medium", "disk_large",  "disk_xlarge", "disk_xxlarge"};

    return name[group];
}

/* --- one instance --- */

enum platform {
    PLATFORM_IS_NOT_ASKED,
    PLATFORM_UP,
    PLATFORM_DOWN,
    PLATFORM_AS_BEFORE
};

static enum platform platform_of(enum task_state state)
{
    switch (state) {
    case TASK_RUNNING:
    case TASK_PARTITIONED:
        return PLATFORM_UP;
    case TASK_LOST:
    case TASK_DRAINING:
    case TASK_PREEMPTING:
        return PLATFORM_DOWN;
    case TASK_KILLED: /* which of them ended it is said before */
    case TASK_INIT:
    case TASK_THROTTLED:
    case TASK_PENDING:
    case TASK_ASSIGNED:
    case TASK_STARTING:
        return PLATFORM_AS_BEFORE;
    default:
        return PLATFORM_IS_NOT_ASKED;
    }
}

/* What ends while it is pushed aside is still pushed aside. */
static enum platform platform_at(const struct task *task, uint32_t at)
{
    enum task_state state = task->events.item[at].state;
    enum task_state before =
        at > 0 ? task->events.item[at - 1].state : TASK_NONE;

    if (before == TASK_DRAINING || before == TASK_PREEMPTING)
        return state == TASK_KILLING ? PLATFORM_IS_NOT_ASKED
                                     : PLATFORM_AS_BEFORE;
    return platform_of(state);
}

/* Backwards through the history of the instance, as far as the minute goes. */
static uint32_t add_uptime(struct aurora *a, const struct task *task)
{
    struct sla_stats *s = &a->sla_stats;
    int64_t end_ms = s->to_ms;
    uint32_t steps = 0;

    for (uint32_t n = 0; task && n < SLA_ANCESTORS_MAX && end_ms > s->from_ms;
         n++) {
        for (uint32_t i = task->events.count; i-- > 0 && end_ms > s->from_ms;) {
            const struct task_event *e = &task->events.item[i];
            enum platform platform = platform_at(task, i);
            int64_t at_ms = e->at_ms > s->from_ms ? e->at_ms : s->from_ms;
            steps++;
            if (platform == PLATFORM_AS_BEFORE || at_ms > end_ms)
                continue;
            s->next.up_ms += platform == PLATFORM_UP ? end_ms - at_ms : 0;
            s->next.down_ms += platform == PLATFORM_DOWN ? end_ms - at_ms : 0;
            end_ms = at_ms;
        }
        task =
            task->ancestor ? aurora_task(a, blob_bytes(task->ancestor)) : NULL;
    }
    return steps;
}

/* When it first took the state; -1: never. */
static int64_t first_ms(const struct task *task, enum task_state state)
{
    for (uint32_t i = 0; i < task->events.count; i++)
        if (task->events.item[i].state == state)
            return task->events.item[i].at_ms;
    return -1;
}

/* What it waited for each state that it took in the minute. */
static void add_waits(const struct sla_stats *s, const struct task *task,
                      struct sla_waited of_job[SLA_WAITS])
{
    static const enum task_state state[SLA_WAITS] = {
        TASK_ASSIGNED, TASK_STARTING, TASK_RUNNING};
    int64_t pending_ms = first_ms(task, TASK_PENDING);

    for (int wait = 0; wait < SLA_WAITS; wait++) {
        int64_t at_ms = first_ms(task, state[wait]);
        if (pending_ms < 0 || at_ms < s->from_ms || at_ms >= s->to_ms)
            continue;
        *vec_add(&of_job[wait]) = at_ms > pending_ms ? at_ms - pending_ms : 0;
    }
}

/* --- medians --- */

static int by_time(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

    return (a > b) - (a < b);
}

/* 0 without any. */
static int64_t median_of(struct sla_waited *times)
{
    if (times->count == 0)
        return 0;
    qsort(times->item, times->count, sizeof *times->item, by_time);
    return times->item[times->count / 2];
}

static uint32_t size_class(int64_t amount, const int64_t limit[4])
{
    uint32_t at = 0;

    while (at < 4 && amount > limit[at])
        at++;
    return at;
}

static void add_times(struct sla_waited *to, const struct sla_waited *more)
{
    for (uint32_t i = 0; i < more->count; i++)
        *vec_add(to) = more->item[i];
}

/* To the groups that tasks of this size belong to. */
static void add_to_groups(struct sla_stats *s, const struct amounts *size,
                          const struct sla_waited of_job[SLA_WAITS])
{
    static const int64_t cpu[4] = {1000, 4000, 8000, 16000};
    static const int64_t gb = 1024 * 1000;
    const int64_t ram[4] = {gb, 8 * gb, 16 * gb, 32 * gb};
    const int64_t disk[4] = {4 * gb, 16 * gb, 32 * gb, 64 * gb};
    uint32_t group[4] = {SLA_CLUSTER, SLA_CPU + size_class(size->cpus, cpu),
                         SLA_RAM + size_class(size->mem, ram),
                         SLA_DISK + size_class(size->disk, disk)};

    for (int i = 0; i < 4; i++)
        for (int wait = 0; wait < SLA_WAITS; wait++)
            add_times(&s->times[group[i]][wait], &of_job[wait]);
}

/* --- one job --- */

static bool counts(const struct aurora *a, const struct job *job)
{
    return (job->config->is_production || a->limits.sla.protects_all) &&
           !job->is_removed;
}

static int64_t ended_ms(const struct task *task)
{
    return task->events.item[task->events.count - 1].at_ms;
}

static void keep_figures(struct aurora *a, struct job *job, int64_t up_ms,
                         int64_t down_ms, struct sla_waited of_job[SLA_WAITS])
{
    struct sla_stats *s = &a->sla_stats;
    struct sla_uptimes uptimes;

    if (s->next.jobs.count >= SLA_STATS_JOBS_MAX)
        return;
    struct sla_job_stats *out = vec_add(&s->next.jobs);
    *out = (struct sla_job_stats){
        .key_text = blob_ref(job->key_text),
        .uptime_milli = up_ms + down_ms > 0
                            ? (uint32_t)(up_ms * SLA_WHOLE / (up_ms + down_ms))
                            : SLA_WHOLE};
    sla_uptimes_of(job, NULL, 0, s->to_ms, &uptimes);
    for (int i = 0; i < SLA_PERCENTILES; i++)
        out->job_uptime_ms[i] =
            sla_uptime_at(&uptimes, SLA_PERCENTILE_MILLI[i]);
    vec_free(&uptimes);
    for (int wait = 0; wait < SLA_WAITS; wait++)
        out->median_ms[wait] = median_of(&of_job[wait]);
}

/* How many events were looked at. */
static uint32_t look_at_job(struct aurora *a, struct job *job)
{
    struct sla_stats *s = &a->sla_stats;
    int64_t up_ms = s->next.up_ms, down_ms = s->next.down_ms;
    struct sla_waited of_job[SLA_WAITS] = {{0}};
    uint32_t steps = 1;

    if (!counts(a, job))
        return steps;
    for (const struct task *t = job->active.first; t; t = t->next) {
        steps += add_uptime(a, t) + 1;
        add_waits(s, t, of_job);
    }
    for (const struct task *t = job->ended.last; t && ended_ms(t) >= s->from_ms;
         t = t->prev) {
        add_waits(s, t, of_job);
        steps++;
    }
    add_to_groups(s, &job->config->task, of_job);
    keep_figures(a, job, s->next.up_ms - up_ms, s->next.down_ms - down_ms,
                 of_job);
    for (int wait = 0; wait < SLA_WAITS; wait++)
        vec_free(&of_job[wait]);
    return steps;
}

/* --- passes --- */

static void figures_release(struct sla_figures *figures)
{
    for (uint32_t i = 0; i < figures->jobs.count; i++)
        blob_unref(figures->jobs.item[i].key_text);
    vec_free(&figures->jobs);
}

static void arm(struct aurora *a, int64_t at_ms)
{
    heap_push(&a->timers, at_ms, TIMER_SLA, 0);
}

static void begin(struct sla_stats *s, int64_t now_ms)
{
    figures_release(&s->next);
    s->next = (struct sla_figures){.up_ms = 0};
    s->from_ms = now_ms - SLA_STATS_MS;
    s->to_ms = now_ms;
    s->is_under_way = true;
    s->is_counted = false;
    s->sorted = 0;
    s->at = (struct job_key){.cluster = ""};
}

/* True when every job was looked at. */
static bool count_some(struct aurora *a)
{
    struct sla_stats *s = &a->sla_stats;
    uint32_t steps = 0;

    for (uint32_t i = aurora_job_at(a, &s->at); i < a->jobs.count; i++) {
        if (steps >= SLA_STATS_STEPS) {
            s->at = a->jobs.item[i]->key;
            return false;
        }
        steps += look_at_job(a, a->jobs.item[i]);
    }
    return true;
}

/* One of the medians in a turn; true when that was the last one. */
static bool sort_one(struct sla_stats *s)
{
    uint32_t group = s->sorted / SLA_WAITS, wait = s->sorted % SLA_WAITS;

    s->next.median_ms[group][wait] = median_of(&s->times[group][wait]);
    vec_free(&s->times[group][wait]);
    return ++s->sorted == SLA_GROUPS * SLA_WAITS;
}

void sla_stats_begin(struct aurora *a, int64_t now_ms)
{
    arm(a, now_ms + SLA_STATS_MS);
}

void sla_stats_timer(struct aurora *a, int64_t now_ms)
{
    struct sla_stats *s = &a->sla_stats;

    if (!s->is_under_way)
        begin(s, now_ms);
    if (!s->is_counted) {
        s->is_counted = count_some(a);
        arm(a, now_ms + 1);
        return;
    }
    /* Few times are sorted in no time: go on until one was long. */
    uint64_t sorted = 0;
    bool is_done = false;
    while (!is_done && sorted < SLA_STATS_STEPS) {
        sorted += s->times[s->sorted / SLA_WAITS][s->sorted % SLA_WAITS].count;
        is_done = sort_one(s);
    }
    if (!is_done) {
        arm(a, now_ms + 1);
        return;
    }
    figures_release(&s->done);
    s->done = s->next;
    s->next = (struct sla_figures){.up_ms = 0};
    s->is_under_way = false;
    s->passes++;
    arm(a, s->to_ms + SLA_STATS_MS > now_ms ? s->to_ms + SLA_STATS_MS
                                            : now_ms + 1);
}

void sla_stats_release(struct aurora *a)
{
    struct sla_stats *s = &a->sla_stats;

    figures_release(&s->done);
    figures_release(&s->next);
    for (int group = 0; group < SLA_GROUPS; group++)
        for (int wait = 0; wait < SLA_WAITS; wait++)
            vec_free(&s->times[group][wait]);
}
