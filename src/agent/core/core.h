/* The agent's decisions: a pure state machine. Every function below is one
 * step: it takes one input and appends effects as data. Effects point into the
 * state (state.h) and into the input; they are translated before the next step.
 *
 * Rules that the order of effects obeys:
 * - what is told to an executor or to the master was saved before (SAVE_x of
 *   the same step precedes it; the shell makes it durable first);
 * - a task's updates leave one at a time, the next when the framework has
 *   acknowledged the one before;
 * - an executor's container ends exactly once; its tasks' last updates follow.
 */
#pragma once
#include "agent/core/state.h"

enum agent_effect_kind {
    /* durable: save reads the object as it is at the end of the step */
    AGENT_SAVE_FRAMEWORK,
    AGENT_FORGET_FRAMEWORK,
    AGENT_SAVE_EXECUTOR,
    AGENT_FORGET_EXECUTOR,
    AGENT_SAVE_TASK,
    AGENT_FORGET_TASK,
    AGENT_SAVE_UPDATE,
    AGENT_FORGET_UPDATE,
    /* to the master */
    AGENT_FORWARD, /* update */
    AGENT_NOTICE,  /* notice: about a task this agent does not have */
    AGENT_EXITED,  /* executor; status */
    /* to an executor */
    AGENT_SUBSCRIBED,
    AGENT_LAUNCH_TASK,  /* task */
    AGENT_KILL_TASK,    /* task */
    AGENT_ACKNOWLEDGED, /* task_id, uuid */
    AGENT_MESSAGE,      /* payload */
    AGENT_SHUTDOWN,
    AGENT_HEARTBEAT,
    AGENT_HANG_UP, /* stream: an older one of the executor */
    /* containers */
    AGENT_START,
    AGENT_LIMIT,
    AGENT_DESTROY,
    AGENT_RECOVER,
    AGENT_RECOVERED /* every executor that lives is back */
};

struct agent_notice {
    enum agent_task_state state;
    enum agent_reason reason;
    const char *framework_id, *task_id, *message;
};

struct agent_effect {
    enum agent_effect_kind kind;
    const struct agent_framework *framework;
    const struct agent_executor *executor;
    const struct agent_task *task;
    const struct agent_update *update;
    const char *task_id;
    struct uuid uuid;
    struct bytes payload;
    uint64_t stream;
    int32_t status;
    struct agent_notice notice;
};

struct agent_effects {
    struct agent_effect *item;
    uint32_t count, capacity;
};

struct agent_core *agent_core_new(uint64_t seed,
                                  const struct agent_times *times);
void agent_core_free(struct agent_core *core); /* accepts NULL */

/* --- the master's orders --- */

struct agent_framework_head {
    const char *id, *user;
    bool is_checkpointing, is_partition_aware;
    struct bytes info;
};
struct agent_executor_head {
    const char *id; /* NULL: a command executor named after the task */
    bool is_command;
    struct bytes info;
    const struct resources *resources;
    int64_t grace_ms; /* -1: the default */
};
struct agent_task_head {
    const char *id;
    struct bytes info;
    const struct resources *resources;
};
/* One task to run. `problem` (or NULL) says why this agent cannot: the task
 * ends at once in `problem_state` with it. */
struct agent_run {
    struct agent_framework_head framework;
    struct agent_executor_head executor;
    struct agent_task_head task;
    const char *problem;
    enum agent_task_state problem_state;
    enum agent_reason problem_reason;
};
void agent_core_run(struct agent_core *core, const struct agent_run *run,
                    int64_t now_ms, struct agent_effects *fx);
void agent_core_kill(struct agent_core *core, const char *framework_id,
                     const char *task_id, int64_t grace_ms, int64_t now_ms,
                     struct agent_effects *fx);
void agent_core_acknowledge(struct agent_core *core, const char *framework_id,
                            const char *task_id, struct uuid uuid,
                            int64_t now_ms, struct agent_effects *fx);
void agent_core_message(struct agent_core *core, const char *framework_id,
                        const char *executor_id, struct bytes payload,
                        struct agent_effects *fx);
void agent_core_shutdown_executor(struct agent_core *core,
                                  const char *framework_id,
                                  const char *executor_id, int64_t now_ms,
                                  struct agent_effects *fx);
void agent_core_shutdown_framework(struct agent_core *core,
                                   const char *framework_id, int64_t now_ms,
                                   struct agent_effects *fx);
/* The agent was removed: end every framework. */
void agent_core_shutdown_all(struct agent_core *core, int64_t now_ms,
                             struct agent_effects *fx);
void agent_core_reconcile(struct agent_core *core, const char *framework_id,
                          const char *task_id, struct agent_effects *fx);
/* Only a framework that is known here changes. */
void agent_core_update_framework(struct agent_core *core,
                                 const struct agent_framework_head *head,
                                 struct agent_effects *fx);
/* The link to the master came up (every head goes out now) or went down. */
void agent_core_linked(struct agent_core *core, int64_t now_ms,
                       struct agent_effects *fx);
void agent_core_unlinked(struct agent_core *core);

/* --- the executors' calls --- */

/* An update as the codec prepared it. */
struct agent_status {
    const char *task_id;
    struct uuid uuid;
    enum agent_task_state state;
    struct bytes status; /* packed, complete */
};
struct agent_subscribe {
    struct agent_executor *executor;
    uint64_t stream;
    int media;
    const struct agent_status *update; /* unacknowledged ones */
    uint32_t update_count;
    const char *const *task_id; /* tasks it has and reported nothing about */
    uint32_t task_count;
};
void agent_core_subscribe(struct agent_core *core,
                          const struct agent_subscribe *subscribe,
                          int64_t now_ms, struct agent_effects *fx);
/* ERR_BUSY when the task has too many unacknowledged updates. */
int agent_core_update(struct agent_core *core, struct agent_executor *executor,
                      const struct agent_status *status, int64_t now_ms,
                      struct agent_effects *fx);
/* The stream of a SUBSCRIBE ended. */
void agent_core_stream_gone(struct agent_core *core, uint64_t stream,
                            int64_t now_ms);

/* --- facts about containers --- */

void agent_core_started(struct agent_core *core, const char *container_id,
                        int64_t pid, uint64_t born, int64_t now_ms,
                        struct agent_effects *fx);
void agent_core_failed(struct agent_core *core, const char *container_id,
                       const char *text, int64_t now_ms,
                       struct agent_effects *fx);
/* It wanted more memory than it may have: it is destroyed, and that is what its
 * tasks hear, whatever the executor says meanwhile. */
void agent_core_limited(struct agent_core *core, const char *container_id,
                        int64_t mem_limit_bytes, const char *text,
                        struct agent_effects *fx);
/* status: raw wait status, -1 when unknown. */
void agent_core_exited(struct agent_core *core, const char *container_id,
                       int32_t status, int64_t now_ms,
                       struct agent_effects *fx);

/* --- recovery: stored records, in any order, then start --- */

void agent_core_restore_framework(struct agent_core *core,
                                  const struct agent_framework_head *head);
struct agent_stored_executor {
    const char *framework_id, *container_id;
    struct agent_executor_head head;
    int64_t pid;
    uint64_t born;
    bool is_terminated, is_ending;
};
/* ERR_DAMAGED when a record belongs to nothing. Executors come before tasks,
 * tasks before their updates (byte order of the tables' names). */
int agent_core_restore_executor(struct agent_core *core,
                                const struct agent_stored_executor *stored,
                                struct err *err);
struct agent_stored_task {
    const char *container_id;
    struct agent_task_head head;
    bool is_killed;
    int64_t grace_ms;
};
int agent_core_restore_task(struct agent_core *core,
                            const struct agent_stored_task *stored,
                            struct err *err);
struct agent_stored_update {
    const char *container_id, *task_id;
    uint64_t sequence;
    struct uuid uuid;
    enum agent_task_state state;
    bool is_acknowledged;
    struct bytes status;
};
int agent_core_restore_update(struct agent_core *core,
                              const struct agent_stored_update *stored,
                              struct err *err);
void agent_core_start(struct agent_core *core, int64_t now_ms,
                      struct agent_effects *fx);
/* The container of a RECOVER lives. */
void agent_core_alive(struct agent_core *core, const char *container_id,
                      int64_t pid, uint64_t born, struct agent_effects *fx);

/* --- time --- */

int64_t agent_core_next_ms(const struct agent_core *core);
void agent_core_tick(struct agent_core *core, int64_t now_ms,
                     struct agent_effects *fx);

/* Every invariant; asserts. */
void agent_core_check(const struct agent_core *core);

/* --- between the core's own files --- */

enum agent_timer {
    AGENT_TIMER_RETRY,    /* task serial */
    AGENT_TIMER_SILENCE,  /* executor serial */
    AGENT_TIMER_SHUTDOWN, /* executor serial */
    AGENT_TIMER_HEARTBEAT /* executor serial */
};
void agent_effect_add(struct agent_effects *fx, struct agent_effect effect);
void agent_stream_push(struct agent_core *core, struct agent_task *task,
                       struct agent_update *update, int64_t now_ms,
                       struct agent_effects *fx);
/* An update made here: "Executor terminated" and the like. */
void agent_stream_tell(struct agent_core *core, struct agent_task *task,
                       const struct agent_cause *cause, int64_t now_ms,
                       struct agent_effects *fx);
void agent_stream_send(struct agent_core *core, struct agent_task *task,
                       int64_t now_ms, struct agent_effects *fx);
bool agent_stream_knows(const struct agent_task *task, struct uuid uuid);
void agent_executor_destroy(struct agent_core *core,
                            struct agent_executor *executor,
                            enum agent_task_state state,
                            enum agent_reason reason, const char *message,
                            struct agent_effects *fx);
/* No process of it is left. `status`: raw wait status, -1 when unknown. Tasks
 * that did not end are told the executor's cause. */
void agent_executor_ended(struct agent_core *core,
                          struct agent_executor *executor, int32_t status,
                          int64_t now_ms, struct agent_effects *fx);
/* Remove the executor when nothing keeps it, then its framework. */
void agent_executor_settle(struct agent_core *core,
                           struct agent_executor *executor,
                           struct agent_effects *fx);
void agent_framework_settle(struct agent_core *core,
                            struct agent_framework *framework,
                            struct agent_effects *fx);
/* Tell once that every executor that lives is back. */
void agent_recovery_settle(struct agent_core *core, struct agent_effects *fx);
