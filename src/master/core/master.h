/* The master's state and what happens to it. Pure: every input is a function
 * that changes the state and appends outputs (master/core/output.h), which the
 * program layer turns into events, records and log lines.
 *
 * Names: an *agent* has a stream (while it is connected) and an epoch; calls of
 * an older epoch are refused by the program layer. A *framework* has a stream
 * while it is subscribed. An *offer* holds resources of one agent, allocated to
 * one role of one framework. A *task* holds resources until its latest state
 * is terminal, and stays listed until its framework acknowledged that state.
 *
 * Who owns what: the master owns agents, frameworks and offers; a framework
 * owns its tasks and executors, which are also linked in their agent's lists.
 * An agent lets go of all of them before it is freed, so the borrowed pointers
 * below are valid as long as their holder is. */
#pragma once
#include "base/attributes.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/heap.h"
#include "base/id.h"
#include "base/resources.h"
#include "base/rng.h"
#include "base/table.h"
#include "base/vec.h"
#include "master/core/allocator.h"
#include "master/core/maintenance.h"
#include "master/core/output.h"
#include "master/core/status.h"
#include <stdbool.h>
#include <stdint.h>
#include <utlist.h>

enum {
    MASTER_STATUSES_MAX = 16,   /* kept per task; older ones are dropped */
    MASTER_AGENTS_MAX = 100000, /* an unreachable one makes room */
    MASTER_FRAMEWORKS_MAX = 10000,
    MASTER_ROLES_MAX = 256,     /* of one framework */
    MASTER_TASKS_MAX = 1000000, /* of one framework, not over yet */
    MASTER_OFFERS_PER_EVENT = 1000,
    MASTER_OFFERS_PER_ACCEPT = 1000
};

struct master_config {
    int64_t heartbeat_interval_ms;
    int64_t agent_ping_timeout_ms;
    int64_t max_agent_ping_timeouts;
    int64_t agent_reregister_timeout_ms;
    int64_t allocation_interval_ms;
    int64_t offer_timeout_ms; /* 0: offers do not expire */
    const char *min_allocatable_resources;
    int64_t max_completed_frameworks;
    int64_t max_completed_tasks_per_framework;
    int64_t max_unreachable_tasks_per_framework;
    uint64_t seed;
};

struct string_list {
    char **item; /* owned */
    uint32_t count, capacity;
};

/* A custom executor known to run (command executors are the agent's own). */
struct executor {
    char *key;                   /* "framework id/executor id" */
    const char *id;              /* points into key */
    struct agent *agent;         /* borrowed */
    struct framework *framework; /* borrowed */
    struct resources resources;  /* allocated to role */
    char *role;
    struct blob *info;            /* packed ExecutorInfo, framework_id set */
    struct executor *prev, *next; /* of the framework */
    UT_hash_handle hh;            /* by key, in the agent */
};

struct task {
    char *id;
    char *executor_id; /* "" for a command task */
    char *agent_id;
    char *role;
    struct framework *framework;  /* borrowed: owns this task */
    struct agent *agent;          /* borrowed; NULL when not on its list */
    struct resources resources;   /* allocated to role */
    struct blob *about;           /* packed mesos.v1.Task without states */
    enum task_state state;        /* latest, as the agent knows it */
    bool has_update;              /* the two below are set */
    enum task_state update_state; /* last forwarded to the framework */
    struct uuid update_uuid;
    VEC(struct status) statuses; /* oldest first */
    int64_t unreachable_ms;      /* since when; 0: is not */
    bool is_charged;             /* its resources are charged */
    bool is_kill_wanted;         /* KILL came while the agent was away */
    bool is_told_end;            /* its end was made here, not by its agent */
    bool is_acknowledged;        /* the framework acknowledged its end */
    struct blob *kill_policy;    /* packed, of that KILL; may be NULL */
    uint64_t mark;               /* an agent that returned has it */
    struct task *agent_prev, *agent_next;
    UT_hash_handle hh; /* by id: tasks, unreachable or completed */
};

struct offer {
    uint64_t number;             /* text: "<master id>-O<number>" */
    struct framework *framework; /* borrowed */
    struct agent *agent;         /* borrowed */
    char *role;
    struct resources resources; /* allocated to role */
    struct offer *framework_prev, *framework_next;
    struct offer *agent_prev, *agent_next;
    UT_hash_handle hh; /* by number */
};

enum agent_state {
    AGENT_RECOVERED,    /* in the store; has not come back since our start */
    AGENT_CONNECTED,    /* has a stream */
    AGENT_DISCONNECTED, /* lost its stream; its ping time is running */
    AGENT_UNREACHABLE   /* given up; may come back */
};

struct agent {
    uint64_t number;
    char *id;
    enum agent_state state;
    uint64_t stream, epoch; /* stream 0: none */
    int media;              /* of the stream; the program layer's */
    bool is_confirmed;      /* it has used its id or epoch */
    char *hostname;
    char *ip;
    int32_t port;
    char *version;
    struct blob *info; /* packed AgentInfo with its id */
    struct attributes attributes;
    struct resources total;
    int64_t registered_ms, reregistered_ms; /* 0: not */
    int64_t unreachable_ms;
    int64_t ping_at_ms; /* the timer that counts */
    int32_t pings_unanswered;
    uint64_t mark;              /* to visit an agent once */
    bool is_going;              /* its machine will be away, or is */
    struct unavailability away; /* when; only if it is going */
    int64_t inverse_at_ms;      /* the timer that counts; 0: none */
    struct inverse *inverses;   /* list by agent_next; owned */
    struct task *tasks;         /* list by agent_next */
    struct offer *offers;       /* list by agent_next */
    struct executor *executors; /* by key */
    UT_hash_handle hh;          /* by id */
    UT_hash_handle by_number;
};

enum framework_flags {
    FRAMEWORK_PARTITION_AWARE = 1,
    FRAMEWORK_MULTI_ROLE = 2,
    FRAMEWORK_RESERVATION_REFINEMENT = 4,
    FRAMEWORK_TASK_KILLING_STATE = 8,
    FRAMEWORK_GPU_RESOURCES = 16,
    FRAMEWORK_CHECKPOINT = 32,
    FRAMEWORK_REVOCABLE_RESOURCES = 64
};

struct framework {
    uint64_t number;
    char *id;
    char *name;
    char *principal;   /* NULL: none */
    struct blob *info; /* packed FrameworkInfo with its id */
    uint32_t flags;
    struct string_list roles;
    int64_t failover_timeout_ms;
    uint64_t stream; /* 0: not subscribed */
    int media;       /* of the stream; the program layer's */
    char stream_id[UUID_TEXT_MAX];
    bool is_recovered; /* known from store or agents only */
    int64_t registered_ms, reregistered_ms, unregistered_ms;
    int64_t heartbeat_at_ms, failover_at_ms; /* deadlines; 0: none */
    int64_t failover_timer_ms;       /* of the one timer that is set; 0: none */
    struct task *tasks;              /* by id, oldest first */
    struct task *unreachable;        /* by id */
    struct task *completed;          /* by id, oldest first, bounded */
    struct offer *offers;            /* list by framework_next */
    struct executor *executors;      /* list */
    VEC(const struct offer *) fresh; /* made in this run, not told yet */
    VEC(const struct inverse *) asked; /* likewise */
    struct inverse *inverses;          /* list by framework_next */
    uint64_t mark;                     /* to visit a framework once */
    UT_hash_handle hh;                 /* by id: frameworks or completed */
    UT_hash_handle by_number;
};

/* Whose stream an exchange is. */
struct link {
    uint64_t stream;
    bool is_agent;
    uint64_t number;
    UT_hash_handle hh; /* by stream */
};

struct master_counters {
    uint64_t agent_registrations, agent_reregistrations, agent_removals;
    uint64_t agents_unreachable_completed;
    uint64_t offers_made, offers_accepted, offers_declined, offers_rescinded;
    uint64_t inverse_offers_made;
    uint64_t tasks_launched, updates_valid, updates_invalid;
    uint64_t tasks_ended[TASK_STATE_COUNT]; /* by terminal state */
};

struct master {
    struct master_config config;
    char *min_allocatable; /* owned copy */
    char id[UUID_TEXT_MAX];
    struct rng rng;
    uint64_t incarnation; /* starts of this store so far */
    int64_t started_ms;
    uint64_t next_agent, next_framework, next_offer, next_epoch;
    uint64_t next_number; /* of agents and frameworks, inside */
    uint64_t next_mark;
    struct agent *agents; /* by id */
    struct agent *agents_by_number;
    struct framework *frameworks; /* by id */
    struct framework *frameworks_by_number;
    struct framework *completed;     /* by id, oldest first, bounded */
    struct offer *offers;            /* by number */
    struct inverse *inverses;        /* that are out, by number */
    struct master_machine *machines; /* of the maintenance schedule */
    VEC(uint64_t) asking;            /* agents for which to ask in this turn */
    struct link *links;
    uint32_t recovered_agents; /* how many are AGENT_RECOVERED */
    struct heap timers;
    struct allocator *allocator; /* from master_start() on */
    struct master_counters counters;
};

/* Before anything else: what the store has, in any order; then start. A
 * refused min_allocatable_resources is an error of master_new(). */
int master_new(struct master **out, const struct master_config *config,
               struct err *err);
void master_free(struct master *m); /* accepts NULL */
void master_restore_incarnation(struct master *m, uint64_t incarnation);
struct agent_restore {
    const char *id, *hostname, *ip, *version;
    int32_t port;
    struct bytes info;
    const struct attributes *attributes;
    const struct resources *total;
    int64_t registered_ms, unreachable_ms;
};
void master_restore_agent(struct master *m, const struct agent_restore *in);
struct framework_head {
    const char *id;
    const char *name;
    const char *principal; /* NULL: none */
    struct bytes info;     /* packed, with the id */
    uint32_t flags;
    const char *const *role;
    uint32_t role_count;
    int64_t failover_timeout_ms;
};
void master_restore_framework(struct master *m, const struct framework_head *in,
                              int64_t registered_ms);
void master_restore_completed(struct master *m, const struct framework_head *in,
                              int64_t registered_ms, int64_t unregistered_ms);
void master_start(struct master *m, int64_t now_ms, struct outputs *out);

/* --- frameworks (frameworks.c) ---------------------------------------------
 */

/* Roles of a FrameworkInfo: the right field, no duplicates, all legal. */
bool framework_roles_problem(const struct framework_head *head, bool has_role,
                             bool has_roles, char *text, size_t size);

/* "<master id>-0007", never given before. */
char *master_new_framework_id(struct master *m, char out[ID_MAX]);
struct framework *master_framework(const struct master *m, const char *id);
struct framework *master_completed_framework(const struct master *m,
                                             const char *id);
/* What keeps this FrameworkInfo from subscribing, in Mesos' words; NULL when
 * nothing does. */
const char *master_subscribe_problem(const struct master *m,
                                     const struct framework_head *head);
struct framework *master_subscribe(struct master *m,
                                   const struct framework_head *head,
                                   char *const *suppressed_role,
                                   uint32_t suppressed_count, uint64_t stream,
                                   int media, int64_t now_ms,
                                   struct outputs *out);
/* The framework leaves for good: everything of it ends. Frees it. */
void master_remove_framework(struct master *m, struct framework *f,
                             int64_t now_ms, struct outputs *out);
/* NULL or empty: all roles. Unknown roles are ignored. */
void master_suppress(struct master *m, struct framework *f, char *const *role,
                     uint32_t count);
void master_revive(struct master *m, struct framework *f, char *const *role,
                   uint32_t count, int64_t now_ms);
/* Find or make, from what an agent or the store says. */
struct framework *framework_adopt(struct master *m,
                                  const struct framework_head *head,
                                  int64_t now_ms);

/* --- offers (offers.c) ------------------------------------------------------
 */

struct filters { /* of ACCEPT and DECLINE; how long a refusal lasts */
    enum refusal refusal;
    int64_t refuse_ms;
};
/* From Filters.refuse_seconds in thousandths, if there is one (has): absent and
 * negative mean 5 s, more than 365 days are 365 days. */
struct filters filters_make(bool has, int64_t refuse_ms);

char *offer_id_text(const struct master *m, const struct offer *offer,
                    char *out, size_t size);
/* Offers and inverse offers are numbered together. */
char *offer_number_text(const struct master *m, uint64_t number, char *out,
                        size_t size);
struct offer *master_offer(const struct master *m, const char *id);
void master_make_offers(struct master *m, int64_t now_ms, struct outputs *out);
void master_decline(struct master *m, struct framework *f,
                    const char *const *offer_id, uint32_t count,
                    struct filters filters, int64_t now_ms);
/* Take an offer back without giving anything: its resources are recovered;
 * with `tell` the framework gets RESCIND. */
void offer_withdraw(struct master *m, struct offer *offer, bool tell,
                    struct filters filters, int64_t now_ms,
                    struct outputs *out);
/* Forget an offer whose resources are accounted for elsewhere. */
void offer_forget(struct master *m, struct offer *offer);

/* Answers to inverse offers (maintenance.h); unknown ones are ignored. */
void master_answer_inverse(struct master *m, struct framework *f,
                           const char *const *id, uint32_t count,
                           bool is_accepted, struct filters filters,
                           int64_t now_ms);

/* --- ACCEPT (accept.c, task_check.c) ----------------------------------------
 */

struct executor_head {
    const char *id;
    bool has_framework_id, is_framework_wrong; /* names another framework */
    const char *type_problem; /* of type, id, command ...: NULL when fine */
    bool is_custom_or_unset, has_command;
    struct resources resources; /* owned; unallocated */
    struct bytes info;          /* packed, framework_id set */
};

struct task_head {
    const char *id;
    const char *agent_id;
    bool has_command, has_executor;
    struct executor_head executor;
    bool is_kill_grace_negative, is_completion_time_negative;
    const char *check_problem;   /* of check and health_check */
    const char *command_problem; /* of command and container */
    bool has_limits;
    const char *limits_problem;
    bool has_unshared_cgroups;
    struct resources resources; /* owned; unallocated */
    struct bytes info;          /* packed TaskInfo as the agent gets it */
    struct bytes about;         /* packed mesos.v1.Task */
};

enum operation_kind {
    OPERATION_LAUNCH,
    OPERATION_LAUNCH_GROUP,
    OPERATION_OTHER,
    OPERATION_NONE /* no known type: ignored */
};
struct operation {
    enum operation_kind kind;
    const char *name;    /* "RESERVE", for OPERATION_OTHER */
    const char *id;      /* NULL: no feedback wanted */
    const char *problem; /* invalid resources; NULL when fine */
    struct task_head *task;
    uint32_t task_count;
};

void master_accept(struct master *m, struct framework *f,
                   const char *const *offer_id, uint32_t offer_count,
                   const struct operation *operation, uint32_t operation_count,
                   struct filters filters, int64_t now_ms, struct outputs *out);
/* Mesos' checks of one task, in its order and words; false when it is fine.
 * `offered` is what is left of the offers. */
bool task_problem(const struct framework *f, const struct agent *agent,
                  const struct task_head *task, const struct resources *offered,
                  const char *role, struct buf *text);

/* --- tasks (tasks.c, reconcile.c) -------------------------------------------
 */

struct task *framework_task(const struct framework *f, const char *id);
void master_kill(struct master *m, struct framework *f, const char *task_id,
                 const char *agent_id, struct bytes policy,
                 struct outputs *out);
void master_acknowledge(struct master *m, struct framework *f,
                        const char *agent_id, const char *task_id,
                        const struct uuid *uuid, struct outputs *out);
void master_message(struct master *m, struct framework *f, const char *agent_id,
                    const char *executor_id, struct bytes data,
                    struct outputs *out);
void master_shutdown_executor(struct master *m, struct framework *f,
                              const char *agent_id, const char *executor_id,
                              struct outputs *out);
struct reconcile_task {
    const char *task_id, *agent_id; /* agent_id NULL: not given */
};
/* count 0: implicit, every task. */
void master_reconcile(struct master *m, struct framework *f,
                      const struct reconcile_task *task, uint32_t count,
                      struct outputs *out);

/* --- agents (agents.c, agent_return.c) ---------------------------------------
 */

struct task_report { /* a task as an agent reports it */
    const char *framework_id, *id, *executor_id, *role;
    enum task_state state;
    struct resources resources; /* owned; unallocated */
    struct bytes about;
    struct status *status; /* what the agent remembers, oldest first */
    uint32_t status_count;
};
struct executor_report {
    const char *framework_id, *id, *role;
    struct resources resources; /* owned; unallocated */
    struct bytes info;
};
struct agent_subscribe {
    const char *id;
    bool is_first_contact; /* the id was made here, the agent had none */
    const char *hostname, *ip, *version;
    int32_t port;
    struct bytes info; /* packed AgentInfo with the id */
    struct attributes attributes;
    struct resources total;
    const struct framework_head *framework;
    uint32_t framework_count;
    const struct executor_report *executor;
    uint32_t executor_count;
    const struct task_report *task;
    uint32_t task_count;
};
struct agent *master_agent(const struct master *m, const char *id);
/* The id for an agent that has none: a new one, or the one that was given to
 * the same endpoint and never used (its first answer was lost). */
char *master_new_agent_id(struct master *m, const char *ip, int32_t port,
                          char out[ID_MAX]);
/* NULL and a text when the agent cannot be had as it is. */
struct agent *master_agent_subscribe(struct master *m,
                                     const struct agent_subscribe *in,
                                     uint64_t stream, int media, int64_t now_ms,
                                     struct outputs *out, struct err *err);
/* It said goodbye: gone for good. Frees it. */
void master_agent_unsubscribe(struct master *m, struct agent *agent,
                              int64_t now_ms, struct outputs *out);
void master_pong(struct agent *agent);
struct update {
    const char *framework_id, *task_id, *executor_id;
    enum task_state latest_state;
    struct status status; /* borrowed; `wire` is what is kept */
    struct blob *forward; /* packed TaskStatus as it came */
    struct uuid uuid;
    bool is_notice; /* has no uuid: about a task the agent does not have */
};
void master_update(struct master *m, struct agent *agent,
                   const struct update *in, int64_t now_ms,
                   struct outputs *out);
void master_executor_exited(struct master *m, struct agent *agent,
                            const char *framework_id, const char *executor_id,
                            int32_t status, bool is_command_executor,
                            int64_t now_ms, struct outputs *out);
void master_agent_message(struct master *m, const struct agent *agent,
                          const char *framework_id, const char *executor_id,
                          struct bytes data, struct outputs *out);

/* --- time, streams and the rest (master.c) -----------------------------------
 */

/* The other side of a stream left. */
void master_stream_gone(struct master *m, uint64_t stream, int64_t now_ms,
                        struct outputs *out);
int64_t master_next_ms(const struct master *m);
void master_on_time(struct master *m, int64_t now_ms, struct outputs *out);
/* Every invariant of the state; asserts. */
void master_check(const struct master *m);
