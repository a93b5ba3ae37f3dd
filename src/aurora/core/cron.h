/* Jobs that the clock, or other jobs, start. Such a job has no tasks of its own
 * accord: each of its scheduled times becomes one **firing**, the record of
 * what was decided about it, and a firing that starts makes the tasks.
 *
 * Invariants, asserted by cron_check: firings of a job stand in the order of
 * their times, no two with one id; `decided` is not before any of them that the
 * clock made, so that a time is decided upon once, whatever is restarted when;
 * a firing and the tasks that it makes are saved together.
 *
 * The states of a firing:
 *
 *   WAITING     the old run is still ending, or runs before it are to catch up
 *   ACTIVE      its tasks live
 *   SUCCEEDED   every instance FINISHED
 *   FAILED      all ended, not every instance FINISHED, no retry is left
 *   KILLED      as FAILED, and somebody killed a task of it: no retry
 *   CANCELLED   the old run was still there, or one waited already
 *   MISSED      nobody was there in time; stands for all times first..at */
#pragma once
#include "aurora/core/cron_rule.h"
#include "aurora/core/task.h"
#include "base/vec.h"

enum {
    FIRINGS_KEPT = 100, /* that are over, of one job */
    OVERLAPS_MAX = 100, /* runs of one job at a time; more are cancelled */
    FIRING_ID_TEXT_MAX = 24
};

/* The numbers are those of perigee.aurora.FiringView.State. */
enum firing_state {
    FIRING_WAITING = 1,
    FIRING_ACTIVE,
    FIRING_SUCCEEDED,
    FIRING_FAILED,
    FIRING_KILLED,
    FIRING_CANCELLED,
    FIRING_MISSED,
    FIRING_STATE_COUNT
};

struct firing {
    int64_t id;         /* twice its time, and one more when a person made it */
    int64_t at, wall;   /* seconds; the scheduled time */
    int64_t first;      /* MISSED: the oldest time it stands for */
    int64_t decided_ms; /* when it was decided upon */
    int64_t started_ms, ended_ms; /* 0: not */
    uint32_t tries;               /* of its tasks */
    uint32_t instances, finished; /* of this try */
    enum firing_state state;
    bool is_killed; /* somebody killed a task of it */
    struct job *job;
    uint32_t dirty_at; /* place in the list of dirty ones + 1; 0: clean */
};

struct cron_stats {
    uint64_t successes, errors, errors_since_success;
    uint64_t cancelled, missed, retried;
    int64_t last_success_ms, last_error_ms; /* when the run ended; 0: never */
    int64_t last_start_ms;
    int64_t duration_last_ms, duration_max_ms, duration_sum_ms;
    uint64_t runs; /* in duration_sum_ms and lateness_sum_ms */
    int64_t lateness_last_ms, lateness_max_ms, lateness_sum_ms;
};

/* Of a job with a cron_rule. */
struct cron {
    uint64_t number; /* of this process's life; of its timer; used again */
    struct job *job;
    int64_t made;         /* seconds; since when this schedule is followed */
    int64_t decided;      /* seconds; every time up to here has its firing */
    struct cron_run next; /* the first behind `decided`; at 0: none */
    bool is_paused;
    bool is_due; /* stands in aurora's due_crons */
    struct cron_stats stats;
    VEC(struct firing *) firings; /* owned; oldest first */
    /* The jobs that it waits for, in the order of its rule, and how many
     * successes each had when it last started. */
    struct cron_parent {
        struct cron *cron; /* borrowed */
        uint64_t seen;
    } * parent; /* owned; most jobs have none */
    uint32_t parent_count;
    uint64_t *expected; /* owned; after a restart `seen` of parents to come */
    uint32_t expected_count;
    VEC(struct cron *) children; /* borrowed; those that wait for it */
};

struct cron *cron_new(struct job *job);
/* It has neither parents nor children any more; accepts NULL. */
void cron_free(struct cron *cron);
/* "WAITING" and so on. */
const char *firing_state_name(enum firing_state state);
bool firing_is_over(const struct firing *firing);
/* `now_ms` on the clock that shows a second when the run of that second is due
 * (cron_due_ms): what a job decides by. */
int64_t cron_clock_ms(const struct job *job, int64_t now_ms);
/* How long ago it was due. */
int64_t cron_late_ms(const struct firing *firing, int64_t now_ms);
/* NULL when there is none. */
struct firing *cron_firing(const struct cron *cron, int64_t id);
/* The oldest one that waits, or NULL. */
struct firing *cron_waiting(const struct cron *cron);
/* In its place among the others; its id is not there yet. */
struct firing *cron_add_firing(struct cron *cron, int64_t id);
/* The key of its record: "role/env/name@<seconds>", "...m" when a person
 * started it. */
char *firing_store_key(const struct firing *firing, char *out, size_t size);
/* What the end of a run means to the figures of its job. */
void cron_count(struct cron_stats *stats, const struct firing *firing);

/* --- jobs that wait for others --- */

/* After a restart: how many successes it had seen of each parent; who these are
 * is known when all jobs are there. */
void cron_expect_parents(struct cron *cron, const uint64_t *seen,
                         uint32_t count);
/* Waits for that one too; no more than CRON_PARENTS_MAX. */
void cron_add_parent(struct cron *cron, struct cron *parent);
void cron_drop_parents(struct cron *cron);
/* Would `cron` wait for itself if it waited for `parent`? Then `circle` (unset)
 * gets the way from `parent` up to `cron`; release it with vec_free. */
struct cron_circle {
    const struct cron **item;
    uint32_t count, capacity;
};
bool cron_closes_circle(const struct cron *cron, const struct cron *parent,
                        struct cron_circle *circle);
/* What keeps a job with parents from running. */
enum cron_block {
    CRON_READY,
    CRON_PARENT_FAILED, /* its last run did */
    CRON_PARENT_OLD     /* no success since this job's last start */
};
/* The first of its parents that keeps it, in *parent; NULL when none does. */
enum cron_block cron_blocked_by(const struct cron *cron,
                                const struct cron **parent);
