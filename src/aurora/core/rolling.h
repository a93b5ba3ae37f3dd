/* Rolling work on a job: instances are restarted or killed a batch at a time,
 * each batch when the one before it is done. It belongs to the job, so it goes
 * on when whoever asked for it has gone, and when the scheduler dies.
 *
 * An instance of it is a part. A restarted one is done when its next task has
 * been RUNNING for `watch_ms`; it has failed when that ended by itself more
 * often than is borne. A killed one is done when it is gone; it has failed when
 * no answer came and it was given up as LOST. Too many failures (instances of a
 * restart, batches of a kill) end the work where it is.
 *
 *   UNDER_WAY ──► DONE, FAILED or CANCELLED; the last one of a job is kept.
 *
 * What is done with whom is decided in rolling.c; changes of tasks only mark
 * their part, the work is done by rolling_go_on at the end of an input. */
#pragma once
#include "base/bytes.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stdint.h>

/* The numbers are those of perigee.aurora.RollingView.Kind. */
enum rolling_kind { ROLLING_RESTART = 1, ROLLING_KILL };

/* The numbers are those of perigee.aurora.RollingView.State. */
enum rolling_state {
    ROLLING_UNDER_WAY = 1,
    ROLLING_DONE,
    ROLLING_FAILED,
    ROLLING_CANCELLED,
    ROLLING_STATE_COUNT
};

/* The numbers are those of perigee.aurora.RollingView.Phase. */
enum part_phase {
    PART_WAITING = 1,
    PART_WORKING,
    PART_DONE,
    PART_FAILED,
    PART_PHASE_COUNT
};

#define ROLLING_FAILURES_ANY UINT32_MAX

struct rolling_settings {
    uint32_t batch_size;            /* at least 1 */
    uint32_t instance_failures_max; /* ends of one instance that are borne */
    uint32_t failures_max;          /* failed instances, or batches of a kill */
    int64_t watch_ms;
};

struct part {
    uint32_t instance;
    enum part_phase phase;
    uint32_t failures; /* ends since it was restarted */
    int64_t watch_ms;  /* when to look again; 0: never */
    bool is_changed;   /* stands in the list */
};

struct rolling {
    enum rolling_kind kind;
    enum rolling_state state;
    uint64_t number; /* of the event that told of its beginning */
    struct rolling_settings settings;
    bool is_whole;        /* kill: the job is to go */
    struct blob *message; /* owned; of who asked; NULL without */
    struct blob *note;    /* owned; why it ended as it did; NULL without */
    int64_t began_ms, ended_ms;
    struct part *part; /* owned, by instance; none once it is over. After a
                          new life those that are done are missing. */
    uint32_t part_count, next;
    uint32_t count[PART_PHASE_COUNT];
    uint32_t batch_failed;   /* failed in this batch */
    uint32_t batches_failed; /* of a kill */
    VEC(uint32_t) failed;    /* instances */
    VEC(uint32_t) changed;   /* parts to look at */
    bool is_due;             /* stands in aurora's list */
};

struct rolling *rolling_new(enum rolling_kind kind);
void rolling_free(struct rolling *rolling); /* accepts NULL */
/* Instances ascend. */
struct part *rolling_add(struct rolling *rolling, uint32_t instance,
                         enum part_phase phase);
/* NULL when the instance has no part in it. */
struct part *rolling_part(struct rolling *rolling, uint32_t instance);
void rolling_set_phase(struct rolling *rolling, struct part *part,
                       enum part_phase phase);
/* Still to be restarted or killed, or under way. */
uint32_t rolling_left(const struct rolling *rolling);
void rolling_check(const struct rolling *rolling);
