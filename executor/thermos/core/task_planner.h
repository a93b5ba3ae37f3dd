/* A plan with time and limits: when may a process run again, when has it
 * failed for good, is the whole complete. Rules are those of Aurora's Thermos:
 *
 *   - a run that FAILED counts; at max_failures (if not 0) the process has
 *     failed for good;
 *   - a run that was KILLED by a signal from outside, or LOST, does not count:
 *     the process runs again;
 *   - a daemon runs again after success too;
 *   - between the end of a run and the next lie min_duration_ms;
 *   - all runs together are at most PLAN_RUNS_MAX, then it has failed;
 *   - the plan is complete when every process finished, failed, or is
 *     ephemeral.  */
#pragma once
#include "executor/thermos/core/planner.h"

enum { PLAN_RUNS_MAX = 100 };

enum run_outcome { RUN_SUCCESS, RUN_FAILED, RUN_KILLED, RUN_LOST };

/* What a process is, as far as planning goes. */
struct process_rule {
    uint32_t max_failures;   /* 0: without limit */
    int64_t min_duration_ms; /* from the end of a run to the next start */
    bool is_daemon;          /* again after success too */
    bool is_ephemeral;       /* does not count for completion */
    bool is_final;           /* runs in the finalizing stage */
};

struct process_history {
    uint32_t runs;     /* ended */
    uint32_t failures; /* of those, FAILED */
    int64_t ready_ms;  /* not to be started before */
};

struct task_planner {
    struct planner graph;
    const struct process_rule *rule; /* borrowed, graph.count of them */
    struct process_history *history; /* owned */
    uint32_t runs_max;
};

/* A plan over those processes for which is_final == final_stage. */
void task_planner_init(struct task_planner *plan,
                       const struct process_rule *rule, uint32_t count,
                       bool final_stage);
void task_planner_release(struct task_planner *plan);

/* Writes the first process, by number, that may start now. */
bool task_planner_next(const struct task_planner *plan, int64_t now_ms,
                       uint32_t *out);
void task_planner_started(struct task_planner *plan, uint32_t process);
void task_planner_ended(struct task_planner *plan, uint32_t process,
                        enum run_outcome outcome, int64_t now_ms);
/* When the first process that only waits for time may start; INT64_MAX when
 * there is none. */
int64_t task_planner_next_ms(const struct task_planner *plan);

bool task_planner_is_complete(const struct task_planner *plan);
/* Not complete, yet nothing that counts runs or will ever be runnable.
 * Ephemeral processes do not count: nothing waits for one. */
bool task_planner_is_stuck(const struct task_planner *plan);
uint32_t task_planner_running(const struct task_planner *plan);
/* Processes that failed for good, ephemeral ones not counted. */
uint32_t task_planner_failed(const struct task_planner *plan);
void task_planner_check(const struct task_planner *plan);
