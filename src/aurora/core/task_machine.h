/* The states of a task and what follows from each change. A pure table: it
 * says whether a change is legal and which side effects it has; whoever asked
 * applies them, in the order of the bits below.
 *
 *   INIT ─► THROTTLED ─► PENDING ─► ASSIGNED ─► STARTING ─► RUNNING ─► ended
 *                                      │  ╰────────┴──────────┤
 *                                      │      PREEMPTING, RESTARTING, DRAINING,
 *                                      ╰────► KILLING, PARTITIONED ──► ended
 *
 * ended: FINISHED, FAILED, KILLED, LOST; from there only DELETED. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* The numbers are those of perigee.aurora.TaskState. */
enum task_state {
    TASK_NONE, /* an id that nobody knows */
    TASK_INIT,
    TASK_THROTTLED,
    TASK_PENDING,
    TASK_ASSIGNED,
    TASK_STARTING,
    TASK_RUNNING,
    TASK_PREEMPTING,
    TASK_RESTARTING,
    TASK_DRAINING,
    TASK_KILLING,
    TASK_PARTITIONED,
    TASK_FINISHED,
    TASK_FAILED,
    TASK_KILLED,
    TASK_LOST,
    TASK_DELETED,
    TASK_STATE_COUNT
};

/* Side effects. Applied from the lowest bit upwards. */
enum task_effect {
    TASK_COUNT_FAILURE = 1 << 0,
    TASK_SAVE = 1 << 1,       /* take the new state, tell everybody */
    TASK_RESCHEDULE = 1 << 2, /* a new task takes its place */
    TASK_TO_LOST = 1 << 3,    /* go on to LOST at once */
    TASK_KILL = 1 << 4,       /* kill on the agent */
    TASK_DELETE = 1 << 5      /* it never was on an agent: forget it */
};

enum task_verdict {
    TASK_SAME,    /* nothing new: reports are delivered more than once */
    TASK_ALLOWED, /* apply the effects */
    TASK_ILLEGAL  /* count and log it; the state stays, TASK_KILL may be set */
};

/* What the table needs to know about the task. */
struct task_facts {
    bool is_service;      /* runs again after any end */
    int32_t failures_max; /* -1: no limit */
    uint32_t failures;    /* counted so far, this one not included */
    bool was_killing;     /* KILLING stands in its history */
};

struct task_change {
    enum task_verdict verdict;
    uint32_t effects; /* enum task_effect */
};

struct task_change task_machine(enum task_state from, enum task_state to,
                                const struct task_facts *facts);

/* Not ended: from THROTTLED to PARTITIONED. */
bool task_machine_is_active(enum task_state state);
/* Active and known to an agent: ASSIGNED and everything behind it. */
bool task_machine_is_assigned(enum task_state state);
bool task_machine_is_terminal(enum task_state state);
/* States that must not last: ASSIGNED, PREEMPTING, RESTARTING, DRAINING,
 * KILLING. */
bool task_machine_is_transient(enum task_state state);
const char *task_machine_name(enum task_state state);
