/* Task states, reasons and kept statuses. Numbers are those of mesos.v1, which
 * the program layer asserts. */
#pragma once
#include "base/bytes.h"
#include <stdbool.h>
#include <stdint.h>

enum task_state {
    TASK_STATE_STARTING = 0,
    TASK_STATE_RUNNING = 1,
    TASK_STATE_FINISHED = 2,
    TASK_STATE_FAILED = 3,
    TASK_STATE_KILLED = 4,
    TASK_STATE_LOST = 5,
    TASK_STATE_STAGING = 6,
    TASK_STATE_ERROR = 7,
    TASK_STATE_KILLING = 8,
    TASK_STATE_DROPPED = 9,
    TASK_STATE_UNREACHABLE = 10,
    TASK_STATE_GONE = 11,
    TASK_STATE_GONE_BY_OPERATOR = 12,
    TASK_STATE_UNKNOWN = 13,
    TASK_STATE_COUNT
};

enum status_reason {
    STATUS_REASON_NONE = -1,
    STATUS_REASON_FRAMEWORK_REMOVED = 3,
    STATUS_REASON_INVALID_OFFERS = 6,
    STATUS_REASON_RECONCILIATION = 9,
    STATUS_REASON_AGENT_DISCONNECTED = 10,
    STATUS_REASON_AGENT_REMOVED = 11,
    STATUS_REASON_TASK_INVALID = 14,
    STATUS_REASON_TASK_GROUP_INVALID = 25,
    STATUS_REASON_AGENT_REREGISTERED = 32
};

/* Does a task in this state use nothing and never change again? LOST counts:
 * agents report it only for tasks that are over. */
bool task_state_is_terminal(enum task_state state);

/* One status of a task as it is kept. */
struct status {
    enum task_state state;
    struct blob *wire; /* packed TaskStatus; NULL: made here, see below */
    enum status_reason reason;
    const char *message; /* static or NULL */
    int64_t at_ms;
    int64_t unreachable_ms; /* 0: not */
};
void status_release(struct status *status);
