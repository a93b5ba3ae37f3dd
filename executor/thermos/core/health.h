/* When is a task healthy: the counting of health checks, as Aurora counts.
 *
 *   - the first check is due at once, the next one an interval after the end of
 *     the one before;
 *   - the first ceil(initial_interval / interval) checks are in grace: a
 *     failure there is not counted, even after RUNNING;
 *   - successes_min successes in a row make the task RUNNING, for good;
 *   - more than failures_max counted failures in a row end it: FAILED;
 *   - RUNNING must be reached within grace + failures_max + successes_min
 *     checks: it is FAILED as soon as that is out of reach.
 *
 *   STARTING ──► RUNNING ──► FAILED, and STARTING ──► FAILED
 *
 * Who performs a check, and how, is not known here. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
    HEALTH_INTERVAL_MIN_MS = 10, /* a shorter interval counts as this */
    HEALTH_COUNT_MAX = 1000000   /* larger counts count as this */
};

struct health_rule {
    int64_t initial_ms;  /* failures inside are forgiven */
    int64_t interval_ms; /* from the end of a check to the next */
    uint32_t failures_max;
    uint32_t successes_min; /* 0: RUNNING without any */
};

enum health_state { HEALTH_STARTING, HEALTH_RUNNING, HEALTH_FAILED };

struct health {
    struct health_rule rule; /* with its limits applied */
    int64_t grace;           /* checks that are forgiven */
    int64_t attempts_max;    /* checks until RUNNING */
    enum health_state state;
    int64_t attempts;            /* checks that ended */
    int64_t failures, successes; /* in a row */
    bool is_checking;            /* a check is under way */
    int64_t next_ms;             /* the next one; INT64_MAX: none */
};

void health_init(struct health *h, const struct health_rule *rule);
/* The task's first process runs: the first check is due. */
void health_begin(struct health *h, int64_t now_ms);
/* True when a check is to be made now; it is under way then. */
bool health_take(struct health *h, int64_t now_ms);
/* The check that was under way ended. */
void health_result(struct health *h, bool is_good, int64_t now_ms);
/* No more checks, whatever is under way. */
void health_stop(struct health *h);
void health_check(const struct health *h);
