/* What runs on this machine, as the core sees it:
 *
 *   agent_core ── frameworks ── executors (one container each) ── tasks
 *                                                                  │
 *                                       one stream of status updates
 *
 * Records that nobody here decides on (FrameworkInfo, ExecutorInfo, TaskInfo,
 * TaskStatus) are shared immutable bytes. Lists keep the order in which things
 * came; hashes only find. What a step removes lives on, unlinked, until the
 * next step begins, so that the effects of the step may point at it.
 *
 * Only files of the core write here; the program's codec reads. */
#pragma once
#include "base/bytes.h"
#include "base/heap.h"
#include "base/id.h"
#include "base/resources.h"
#include "base/rng.h"
#include "base/table.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    AGENT_EXECUTORS_MAX = 10000,
    AGENT_TASKS_MAX = 10000,             /* on one agent, all frameworks */
    AGENT_UPDATES_MAX = 1024,            /* unacknowledged, of one task */
    AGENT_HISTORY_MAX = 16,              /* acknowledged ones kept for /state */
    AGENT_COMPLETED_TASKS_MAX = 200,     /* of one executor */
    AGENT_COMPLETED_EXECUTORS_MAX = 150, /* of one framework */
    AGENT_COMPLETED_FRAMEWORKS_MAX = 50
};

enum agent_task_state { /* numbers of mesos.v1.TaskState */
                        AGENT_TASK_STARTING = 0,
                        AGENT_TASK_RUNNING = 1,
                        AGENT_TASK_FINISHED = 2,
                        AGENT_TASK_FAILED = 3,
                        AGENT_TASK_KILLED = 4,
                        AGENT_TASK_LOST = 5,
                        AGENT_TASK_STAGING = 6,
                        AGENT_TASK_ERROR = 7,
                        AGENT_TASK_KILLING = 8,
                        AGENT_TASK_DROPPED = 9,
                        AGENT_TASK_GONE = 11
};

enum agent_reason { /* numbers of mesos.v1.TaskStatus.Reason */
                    AGENT_REASON_NONE = -1,
                    AGENT_REASON_EXECUTOR_TERMINATED = 1,
                    AGENT_REASON_MEMORY = 8,
                    AGENT_REASON_RECONCILIATION = 9,
                    AGENT_REASON_AGENT_RESTARTED = 12,
                    AGENT_REASON_TASK_INVALID = 14,
                    AGENT_REASON_LAUNCH_FAILED = 21,
                    AGENT_REASON_REGISTRATION_TIMEOUT = 23,
                    AGENT_REASON_REREGISTRATION_TIMEOUT = 24,
                    AGENT_REASON_KILLED_DURING_LAUNCH = 30
};

/* One status update. Those of the executor are its own bytes; those the agent
 * makes have no bytes until the codec wrote them (status == NULL). */
struct agent_update {
    struct agent_task *task; /* owner */
    uint64_t sequence;       /* within the task, from 1 */
    struct uuid uuid;
    enum agent_task_state state;
    struct blob *status;      /* packed TaskStatus, one reference, or NULL */
    enum agent_reason reason; /* the rest: made by the agent */
    char *message;            /* owned; NULL: none */
    int64_t limit_mem_bytes;  /* > 0: the limit that was hit */
    int64_t at_ms;
    bool is_acknowledged;
};

struct agent_task {
    char *id;
    struct agent_executor *executor; /* owner */
    uint64_t serial;                 /* names it in timers */
    struct blob *info;               /* packed TaskInfo */
    struct resources resources;
    enum agent_task_state state;        /* latest known here */
    bool is_launched;                   /* handed to the executor */
    bool is_killed;                     /* a kill was asked for */
    int64_t grace_ms;                   /* of that kill; -1: the task's own */
    VEC(struct agent_update *) updates; /* acknowledged ones first */
    uint32_t acknowledged;              /* how many of them */
    uint64_t next_sequence;
    int64_t retry_at_ms; /* head is sent again; 0: none pending */
    int64_t retry_ms;    /* delay after the next sending */
    UT_hash_handle by_id, by_serial;
};

enum agent_executor_state {
    AGENT_EXECUTOR_STARTING,    /* launched, not subscribed yet */
    AGENT_EXECUTOR_RUNNING,     /* subscribed, perhaps not just now */
    AGENT_EXECUTOR_TERMINATING, /* told to shut down, or being destroyed */
    AGENT_EXECUTOR_TERMINATED   /* container gone; updates still open */
};

struct agent_cause { /* what tasks are told when their executor ends */
    enum agent_task_state state;
    enum agent_reason reason;
    char *message; /* owned; NULL: no cause recorded */
    int64_t limit_mem_bytes;
};

struct agent_executor {
    char *id;
    char container_id[UUID_TEXT_MAX];
    struct agent_framework *framework; /* owner */
    uint64_t serial;
    struct blob *info; /* packed ExecutorInfo */
    struct resources resources;
    bool is_command; /* made by the agent for one command task */
    enum agent_executor_state state;
    bool is_recovering; /* not heard of since the agent started */
    bool is_destroyed;  /* DESTROY was asked for */
    int64_t grace_ms;   /* of a shutdown */
    int64_t pid;        /* 0 until it was started */
    uint64_t born;
    int64_t started_ms;
    uint64_t stream;      /* exchange of its SUBSCRIBE, 0 while there is none */
    int media;            /* the codec's: in what it reads events */
    int64_t silent_at_ms; /* destroyed then unless it subscribes; 0: never */
    int64_t shutdown_at_ms;  /* destroyed then; 0: never */
    int64_t heartbeat_at_ms; /* of the present stream */
    struct agent_cause cause;
    VEC(struct agent_task *) tasks;     /* not completed, in order */
    VEC(struct agent_task *) completed; /* newest last, for /state */
    UT_hash_handle by_id, by_container, by_serial;
};

struct agent_framework {
    char *id;
    struct blob *info; /* packed FrameworkInfo; NULL: only named so far */
    char *user;
    bool is_checkpointing, is_partition_aware;
    bool is_ending; /* told to shut down: its updates interest nobody */
    struct agent_executor *live;            /* by id: not TERMINATED */
    VEC(struct agent_executor *) executors; /* all, in order */
    VEC(struct agent_executor *) completed; /* newest last, for /state */
    struct agent_task *tasks;               /* by id: of all executors */
    UT_hash_handle by_id;
};

struct agent_times { /* all in milliseconds */
    int64_t registration, reregistration, shutdown_grace, recovery;
};

struct agent_core {
    struct rng rng;
    struct agent_times times;
    struct heap timers;
    uint64_t next_serial;
    bool is_recovering; /* some executors have not come back yet */
    bool is_linked;     /* updates may go to the master */
    uint32_t task_count;
    struct agent_framework *frameworks;      /* by id, in order */
    VEC(struct agent_framework *) completed; /* newest last */
    struct agent_executor *containers;       /* by container id: all */
    struct agent_executor *executors_by_serial;
    struct agent_task *tasks_by_serial;
    VEC(struct agent_update *) grave_updates; /* freed by the next step */
    VEC(struct agent_task *) grave_tasks;
    VEC(struct agent_executor *) grave_executors;
    VEC(struct agent_framework *) grave_frameworks;
};

bool agent_task_state_is_terminal(enum agent_task_state state);
bool agent_task_is_terminal(const struct agent_task *task);
/* The first update that nobody acknowledged, or NULL. */
struct agent_update *agent_task_head(const struct agent_task *task);
/* Resources of the executor and of every task that is not terminal. */
void agent_executor_total(const struct agent_executor *executor,
                          struct resources *out); /* out: unset */

struct agent_framework *agent_core_framework(const struct agent_core *core,
                                             const char *id);
/* The live executor of this name. */
struct agent_executor *agent_core_executor(
    const struct agent_framework *framework, const char *id);
struct agent_executor *agent_core_container(const struct agent_core *core,
                                            const char *container_id);
struct agent_task *agent_core_task(const struct agent_framework *framework,
                                   const char *id);

/* Making and removing: state.c; used by the steps only. */
struct agent_framework *agent_core_add_framework(struct agent_core *core,
                                                 const char *id);
struct agent_executor *agent_core_add_executor(
    struct agent_core *core, struct agent_framework *framework, const char *id,
    const char *container_id);
struct agent_task *agent_core_add_task(struct agent_core *core,
                                       struct agent_executor *executor,
                                       const char *id);
void agent_core_end_executor(struct agent_core *core,
                             struct agent_executor *executor);
void agent_core_complete_task(struct agent_core *core, struct agent_task *task);
void agent_core_complete_executor(struct agent_core *core,
                                  struct agent_executor *executor);
void agent_core_complete_framework(struct agent_core *core,
                                   struct agent_framework *framework);
void agent_core_bury_update(struct agent_core *core,
                            struct agent_update *update);
void agent_core_clear_graves(struct agent_core *core);
void agent_framework_free(struct agent_framework *framework);
