/* One task on a machine, from its first process to its last: a pure state
 * machine over a plan for its ordinary processes and one for its final ones.
 *
 *   ACTIVE ──► CLEANING ──► FINALIZING ──► ENDING ──► SUCCESS | FAILED | KILLED
 *
 *   ACTIVE      runs the plan until it is complete, unhealthy or killed
 *   CLEANING    SIGTERM to what is left, orphans too; waits until it is gone
 *   FINALIZING  runs the final processes; they do not change the result
 *   ENDING      SIGKILL to what is left; waits a little for it to be gone
 *
 * CLEANING and FINALIZING share one deadline; past it comes ENDING. The task is
 * unhealthy when max_failures processes failed for good, or the plan is stuck.
 *
 * Inputs change the state only; task_run_step() then says what to do. The
 * caller does it, gives the results as inputs and steps again until there is
 * nothing to do. Replaying a checkpoint is giving the recorded inputs. */
#pragma once
#include "executor/thermos/core/task_planner.h"

enum {
    TASK_RUN_NONE = INT32_MAX, /* no process */
    TASK_RUN_ENDING_MS = 5000  /* how long SIGKILL may take to work */
};

enum task_run_state {
    TASK_RUN_ACTIVE,
    TASK_RUN_CLEANING,
    TASK_RUN_FINALIZING,
    TASK_RUN_ENDING,
    TASK_RUN_SUCCESS,
    TASK_RUN_FAILED,
    TASK_RUN_KILLED,
    TASK_RUN_STATE_COUNT
};

struct task_rule {
    uint32_t max_failures;    /* 0: never unhealthy by failures */
    uint32_t max_concurrency; /* 0: no limit */
    int64_t finalization_ms;  /* CLEANING and FINALIZING together */
};

enum task_run_act {
    TASK_RUN_START,  /* process; answered by task_run_started or _ended */
    TASK_RUN_SIGNAL, /* process, signal: to its whole group */
    TASK_RUN_SWEEP,  /* signal: to orphans; answered by task_run_swept */
    TASK_RUN_ENTER,  /* state: worth a record */
};

struct task_run_effect {
    enum task_run_act act;
    uint32_t process;
    int signal; /* TASK_RUN_TERM or TASK_RUN_KILL */
    enum task_run_state state;
};

enum { TASK_RUN_TERM = 15, TASK_RUN_KILL = 9 };

struct task_run_effects {
    VEC(struct task_run_effect) list;
};

struct run_process {
    bool is_alive; /* started and not ended */
    uint32_t run;  /* number of the newest run, from 0 */
    int signalled; /* the strongest signal sent to this run, 0 for none */
};

struct task_run {
    enum task_run_state state;
    struct task_rule rule;
    struct process_rule *process_rule; /* owned */
    struct run_process *process;       /* owned */
    uint32_t count;
    struct task_planner regular, final;
    bool is_killed;       /* somebody asked */
    bool is_draining;     /* what ended stays so */
    bool is_unhealthy;    /* decided when ACTIVE was left */
    bool is_stuck;        /* unhealthy because nothing could go on */
    bool is_sweep_wanted; /* children may have changed */
    bool is_swept;        /* the last sweep found nothing left */
    uint32_t culprit;     /* process that failed last, or TASK_RUN_NONE */
    int64_t deadline_ms;  /* of the present state; INT64_MAX while ACTIVE */
};

/* Rules are copied. `count` <= PLAN_PROCESSES_MAX. */
void task_run_init(struct task_run *run, const struct task_rule *rule,
                   const struct process_rule *process, uint32_t count);
void task_run_release(struct task_run *run);
/* Refused (ERR_INVALID): an ordinary process with a final one, waiting for a
 * daemon, and waiting for an ephemeral process unless one is ephemeral. */
int task_run_order(struct task_run *run, uint32_t before, uint32_t after,
                   struct err *err);

/* Inputs. */
void task_run_started(struct task_run *run, uint32_t process);
void task_run_ended(struct task_run *run, uint32_t process,
                    enum run_outcome outcome, int64_t now_ms);
/* End within grace_ms. A later kill can only shorten. */
void task_run_kill(struct task_run *run, int64_t grace_ms, int64_t now_ms);
/* It is being asked to end: start nothing more, and count the end of its last
 * process as a kill that gives finalization_ms to what follows. */
void task_run_drain(struct task_run *run);
/* How many orphans a sweep found alive. */
void task_run_swept(struct task_run *run, uint32_t alive);
/* A child that is no process of ours went away. */
void task_run_orphan_gone(struct task_run *run);

/* Replay of a record: the process is running; the state was entered. */
void task_run_replay_started(struct task_run *run, uint32_t process,
                             uint32_t number);
void task_run_replay_state(struct task_run *run, enum task_run_state state,
                           int64_t deadline_ms);

/* What is to be done now; appended to fx. */
void task_run_step(struct task_run *run, int64_t now_ms,
                   struct task_run_effects *fx);
/* When to step even if nothing happens; INT64_MAX for never. */
int64_t task_run_next_ms(const struct task_run *run);
bool task_run_is_over(const struct task_run *run);
void task_run_check(const struct task_run *run);
