/* Is a plain command healthy: the counting of health checks as Mesos has it for
 * tasks without a job. (Tasks with one are counted by health.h.)
 *
 *   - the first check is due delay_ms after the command began, the next one an
 *     interval after the end of the one before;
 *   - a failure within grace_ms from the beginning is ignored until a check has
 *     succeeded for the first time;
 *   - the first success is told, and the first one behind failures;
 *   - every other failure is told; the failures_max'th in a row ends the task.
 *
 * The command is RUNNING all the while, whatever its health. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
    COMMAND_HEALTH_INTERVAL_MIN_MS = 10 /* a shorter one counts as this */
};

struct command_health_rule {
    int64_t delay_ms, interval_ms, grace_ms;
    uint32_t failures_max; /* in a row; 0 counts as 1 */
};

enum command_health_news {
    COMMAND_HEALTH_NO_NEWS,
    COMMAND_HEALTH_GOOD,
    COMMAND_HEALTH_BAD,
    COMMAND_HEALTH_HOPELESS /* BAD, and the task is to be ended */
};

struct command_health {
    struct command_health_rule rule; /* with its limits applied */
    int64_t began_ms;
    int64_t next_ms;   /* the next check; INT64_MAX: none */
    uint64_t attempts; /* checks that ended */
    uint32_t failures; /* in a row, ignored ones left out */
    bool is_checking;  /* a check is under way */
    bool was_good;     /* at least once */
};

void command_health_init(struct command_health *h,
                         const struct command_health_rule *rule);
void command_health_begin(struct command_health *h, int64_t now_ms);
/* True when a check is to be made now; it is under way then. */
bool command_health_take(struct command_health *h, int64_t now_ms);
/* The check that was under way ended. */
enum command_health_news command_health_result(struct command_health *h,
                                               bool is_good, int64_t now_ms);
/* No more checks, whatever is under way. */
void command_health_stop(struct command_health *h);
void command_health_check(const struct command_health *h);
