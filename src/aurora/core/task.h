/* Jobs and their tasks: the records themselves. A task is one run of one
 * instance; when it ends and must run again, a new task with a new id takes
 * over and names it as its ancestor. What happens to them is decided in
 * aurora.c and transitions.c. */
#pragma once
#include "aurora/core/hosts.h"
#include "aurora/core/job_config.h"
#include "aurora/core/limits.h"
#include "aurora/core/quota_jobs.h"
#include "aurora/core/rolling.h"
#include "aurora/core/task_machine.h"
#include "base/bytes.h"
#include "base/job_key.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    TASK_EVENTS_MAX = 32, /* kept per task; the oldest but the first go */
    TASK_MESSAGE_MAX = 2048
};

/* Where a task runs. Immutable, shared by the task and its events. One piece of
 * memory: there are as many as tasks. */
struct placement {
    uint32_t refs;
    uint32_t port_count;   /* as the config's port names */
    struct blob *agent_id; /* owned reference */
    char *hostname;        /* in the same piece */
    char *endpoint;        /* in the same piece */
    uint32_t port[];
};

/* The reference to the agent's id is the placement's now. */
struct placement *placement_new_take(struct blob *agent_id,
                                     struct bytes hostname,
                                     struct bytes endpoint,
                                     uint32_t port_count);
struct placement *placement_ref(struct placement *placement);
void placement_unref(struct placement *placement); /* accepts NULL */

struct task_event {
    int64_t at_ms;
    enum task_state state;
    struct blob *message; /* owned; NULL without */
};

struct job;

struct task {
    uint64_t number; /* of this process's life; orders tasks by age */
    /* owned; <epoch-ms>-<role>-<env>-<name>-<instance>-<uuid> */
    struct blob *id;
    struct job *job;
    struct job_config *config; /* one reference */
    uint32_t instance;
    enum task_state state;
    uint32_t failures;           /* of this and the tasks before it */
    struct blob *ancestor;       /* owned; NULL for the first */
    struct placement *placement; /* one reference; NULL before ASSIGNED */
    struct host *host;           /* borrowed; while it counts there */
    struct task *host_prev, *host_next; /* of those on the host */
    VEC(struct task_event) events;
    int64_t deadline_ms; /* THROTTLED: until then; transient, PARTITIONED: LOST
                            then; 0: none */
    int64_t kill_at_ms;  /* next kill to send; 0: none */
    uint32_t kills;      /* sent so far */
    int64_t firing;      /* of the cron job's run it belongs to; 0: none */
    uint32_t dirty_at;   /* place in the list of dirty tasks + 1; 0: clean */
    struct task *prev, *next;                 /* the job's list it is in */
    struct task *waiting_prev, *waiting_next; /* its group's */
    int64_t drain_again_ms; /* not asked again before (maintenance.h) */
    enum drain_wait drain_wait;
    bool may_drain;   /* its coordinator said so */
    bool is_kept;     /* waits for the host it ran on (keeps.h) */
    uint8_t standing; /* enum standing (victims.h) */
    bool is_beside;   /* was being killed already when the update began: its
                         quota does not count for it (quota_jobs.h) */
    bool is_unheard;  /* ran when the master's stream began (settle.h) */
    UT_hash_handle hh_id, hh_number, hh_instance;
};

struct task_list {
    struct task *first, *last;
    uint32_t count;
};
void task_list_add(struct task_list *list, struct task *task);
void task_list_remove(struct task_list *list, struct task *task);

struct update;
struct cron;

struct job {
    struct job_key key;
    struct blob *key_text;     /* owned; shared with events */
    struct job_config *config; /* one reference */
    uint32_t instances;        /* wanted */
    int64_t created_ms;
    bool is_killed;               /* goes away when its last task has ended */
    bool is_removed;              /* gone; only its history is kept */
    char *owner;                  /* owned; who made it as large as it is;
                                     NULL: nobody was asked who they are */
    struct rolling *rolling;      /* owned; the newest, or NULL */
    struct cron *cron;            /* owned; NULL: it has no schedule */
    struct update *update;        /* the one under way, or NULL */
    VEC(struct update *) updates; /* owned, oldest first; it is the last */
    struct task_list active;      /* oldest first */
    struct task *by_instance;     /* the active ones; keys may stand twice */
    uint32_t running;             /* of the active ones, RUNNING */
    uint32_t unheard;             /* of the active ones (settle.h) */
    struct task_list ended;       /* in the order of their end */
    struct limit_counts limits;   /* where the active ones are */
    uint64_t departures;          /* of these: limits may allow more then */
    struct job_failing failing;
    struct job_quota quota; /* what it counts as */
    bool is_dirty;
};

struct job *job_new(const struct job_key *key);
void job_free(struct job *job); /* its tasks are gone already */
/* The key of the job's record: "role/env/name". */
char *job_store_key(const struct job_key *key, char out[JOB_KEY_TEXT_MAX]);

struct task *job_task_new(struct bytes id, struct job *job,
                          struct job_config *config, uint32_t instance);
/* Not in any list any more. */
void job_task_free(struct task *task);
/* Append to the history, keeping it compact: RUNNING and PARTITIONED in turn
 * leave only the newest pair. `message` may be NULL. */
void task_add_event(struct task *task, enum task_state state,
                    const char *message, int64_t now_ms);
bool task_was(const struct task *task, enum task_state state);
/* It begins to count on the host, or does not any more. */
void task_enter_host(struct task *task, struct host *host);
void task_leave_host(struct task *task);
/* A task becomes one of the job's active ones, or is that no more. */
void job_add_active(struct job *job, struct task *task);
void job_remove_active(struct job *job, struct task *task);
/* Tasks that were restored in another order. */
void job_sort_ended(struct job *job);
/* When the task took its present state. */
int64_t task_since_ms(const struct task *task);
/* Active tasks that nobody is killing yet. */
uint32_t job_living(const struct job *job);
/* A service scaled to 0: it is there, and has nothing that runs. */
bool job_is_suspended(const struct job *job);
/* Its rolling work while that is under way, or NULL. */
struct rolling *job_rolling(const struct job *job);
/* The active task of an instance, or NULL. While an update is under way, and
 * shortly after it, there may be two: rather one that is not being killed. */
struct task *job_active(const struct job *job, uint32_t instance);
