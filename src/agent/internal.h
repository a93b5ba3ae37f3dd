/* What the files of the agent's program share. The program is the core plus its
 * codecs: link.c (the master), executor_api.c, operator_api.c, state.c (plain
 * endpoints), permit.c (who may do what), deliver.c (effects of the core),
 * store.c (records), launch.c (how to start an executor), values.c (wire
 * structs and back). */
#pragma once
#include "agent/acts.h"
#include "agent/core/core.h"
#include "agent/program.h"
#include "mesos/v1/executor.pb-c.h"
#include "mesos/v1/mesos.pb-c.h"
#include "perigee/agent.pb-c.h"
#include "sys/secret.h"
#include "wire/codec.h"
#include "wire/json.h"
#include "wire/values.h"

#define AGENT_API_VERSION "1.12.0" /* of Mesos, whose API this is */

enum link_state {
    LINK_DOWN,    /* next attempt at retry_at_ms */
    LINK_WAITING, /* SUBSCRIBE sent */
    LINK_UP       /* SUBSCRIBED */
};

struct agent_link {
    enum link_state state;
    exchange_id stream; /* our FOLLOW */
    uint64_t epoch;
    int64_t retry_at_ms; /* LINK_DOWN */
    int64_t deadline_ms; /* otherwise: silence until then breaks the link */
    int64_t ping_timeout_ms;
    uint32_t failures;       /* in a row */
    bool is_overfull;        /* too many calls wait: start over */
    VEC(struct buf) waiting; /* calls to make when one of those made answers */
    VEC(exchange_id) made;   /* calls not answered yet */
};

struct agent_program {
    struct agent_core *core;
    struct agent_effects core_fx; /* of the step being translated */
    struct arena arena;           /* of the input being handled */
    struct agent_link link;
    struct rng rng;            /* jitter */
    exchange_id next_exchange; /* of our own requests */
    bool is_recovered;         /* the link may be opened */
    bool is_leaving;           /* for good: stop when all containers ended */
    int64_t start_ms;          /* on_start */
    int64_t sweep_at_ms;
    char agent_id[ID_MAX];   /* "" until the master gave one */
    char stored_boot_id[64]; /* of the run before; "" for none */

    char *master, *ip, *hostname, *work_dir, *executor, *boot_id;
    char *executor_socket, *tls_ca; /* NULL: none */
    char *authorization, *executor_key;
    struct access access;   /* with a reference to its users */
    int64_t refused_log_ms; /* when a wrong token was logged last */
    int port;
    bool switch_user;
    struct resources resources;
    struct attributes attributes;
    struct agent_times times;
    int64_t gc_delay_ms;
    struct agent_flag *flag; /* strings owned */
    uint32_t flag_count;
    agent_usage_reader *usage;
    void *usage_context;

    struct { /* for metrics */
        uint64_t launches, failures, updates, resent, refused_calls;
        uint64_t denied;          /* requests that their user may not make */
        uint64_t tasks_ended[16]; /* by final state */
    } count;
};

/* --- values.c --- */

/* Bytes that this program packed itself, back into a struct. */
void *agent_unpack(struct arena *arena, const ProtobufCMessageDescriptor *type,
                   struct bytes packed);
struct bytes agent_pack(struct arena *arena, const void *message);
Mesos__V1__FrameworkID *agent_framework_id(struct arena *arena,
                                           const char *value);
Mesos__V1__ExecutorID *agent_executor_id(struct arena *arena,
                                         const char *value);
Mesos__V1__AgentID *agent_agent_id(struct arena *arena, const char *value);
Mesos__V1__TaskID *agent_task_id(struct arena *arena, const char *value);
Mesos__V1__AgentInfo *agent_info(const struct agent_program *p,
                                 struct arena *arena);
/* The update as the framework shall see it. */
Mesos__V1__TaskStatus *agent_status(const struct agent_program *p,
                                    const struct agent_update *update,
                                    struct arena *arena);
/* The task as SUBSCRIBE and GET_TASKS tell it; with its whole history of
 * statuses or only the last one. */
Mesos__V1__Task *agent_task_message(const struct agent_program *p,
                                    const struct agent_task *task,
                                    bool has_history, struct arena *arena);
void agent_framework_decode(const Mesos__V1__FrameworkInfo *info,
                            struct arena *arena,
                            struct agent_framework_head *out);

/* A value for a log line: the first line of a text, quoted where needed. */
const char *agent_shown(struct arena *arena, const char *text);
const char *agent_state_name(int state); /* "TASK_RUNNING" */

/* --- launch.c --- */

/* The ExecutorInfo of a task that has none: our own executor, named after the
 * task. */
Mesos__V1__ExecutorInfo *agent_command_executor(
    const struct agent_program *p, const Mesos__V1__FrameworkID *framework_id,
    const Mesos__V1__TaskInfo *task, struct arena *arena);
/* Why this agent cannot run it, or NULL. */
const char *agent_launch_problem(const Mesos__V1__TaskInfo *task,
                                 const Mesos__V1__ExecutorInfo *executor,
                                 struct arena *arena);
const char *agent_sandbox(const struct agent_program *p,
                          const struct agent_executor *executor,
                          struct arena *arena);
void agent_limits(const struct agent_executor *executor, int64_t *cpu_milli,
                  int64_t *mem_bytes);
void agent_start(const struct agent_program *p,
                 const struct agent_executor *executor, struct effects *fx);

/* --- deliver.c --- */

/* Translate and clear the effects of a step. */
void agent_deliver(struct agent_program *p, int64_t now_ms, struct effects *fx);

/* --- link.c --- */

void agent_link_open(struct agent_program *p, int64_t now_ms,
                     struct effects *fx);
void agent_link_tick(struct agent_program *p, int64_t now_ms,
                     struct effects *fx);
int64_t agent_link_next_ms(const struct agent_program *p);
void agent_link_answer(struct agent_program *p, exchange_id exchange,
                       const struct http_response *response, int64_t now_ms,
                       struct effects *fx);
void agent_link_record(struct agent_program *p, exchange_id exchange,
                       struct bytes record, int64_t now_ms, struct effects *fx);
void agent_link_broken(struct agent_program *p, exchange_id exchange,
                       const char *why, int64_t now_ms, struct effects *fx);
/* Send a call of this epoch; dropped while the link is down (what matters is
 * told again by SUBSCRIBE). */
void agent_link_call(struct agent_program *p, Perigee__Agent__Call *call,
                     struct effects *fx);
/* Say goodbye for good: every task ends, then the program stops. */
void agent_link_leave(struct agent_program *p, int64_t now_ms,
                      struct effects *fx);
/* After a recovery: if it died while it left, it goes on; false: it did not. */
bool agent_link_leave_on(struct agent_program *p, int64_t now_ms,
                         struct effects *fx);
void agent_link_free(struct agent_link *link);

/* --- store.c --- */

int agent_store_read(struct agent_program *p, const char *table,
                     struct bytes key, struct bytes value, struct err *err);
void agent_store_save_agent(struct agent_program *p, struct effects *fx);
/* It gives up its id; that the machine has not booted since is still known. */
void agent_store_drop_id(struct agent_program *p, struct effects *fx);
void agent_store_forget_agent(struct effects *fx);
void agent_store_effect(struct agent_program *p,
                        const struct agent_effect *effect, struct effects *fx);

/* --- permit.c --- */

/* "/slave(1)/state" is "/state". */
const char *agent_plain_path(const char *path);
/* A path may go on behind its name. */
bool agent_is_path(const char *path, const char *name);
/* May who asks do that to the cluster? False: answered 403, and logged. */
bool agent_permit(struct agent_program *p, exchange_id exchange,
                  const struct http_request *request, enum realm realm,
                  enum action action, struct effects *fx);
/* Whose the executor's sandbox is, as agent_program_owner_may reads it: "job "
 * with a key, or "role " with one; NULL when that is of no use. */
const char *agent_owner(const struct agent_program *p,
                        const struct agent_executor *executor,
                        struct arena *arena);
/* What this run of the executor proves itself with. */
void agent_executor_token(const struct agent_program *p,
                          const struct agent_executor *executor,
                          struct arena *arena, char out[SECRET_HASH_MAX]);
/* Does it come with the token of that executor, where one is wanted? */
bool agent_executor_proves(struct agent_program *p,
                           const struct http_request *request,
                           const char *framework_id, const char *executor_id);

/* --- the routes --- */

void agent_executor_api(struct agent_program *p, exchange_id exchange,
                        const struct http_request *request, int64_t now_ms,
                        struct effects *fx);
void agent_operator_api(struct agent_program *p, exchange_id exchange,
                        const struct http_request *request, int64_t now_ms,
                        struct effects *fx);
void agent_state_print(const struct agent_program *p, struct buf *out);
void agent_containers_print(const struct agent_program *p, int64_t now_ms,
                            bool with_status, struct buf *out);
/* Checks that every API shares, in Mesos' order: method, type, body. Answers
 * and returns NULL on failure. */
void *agent_api_decode(struct agent_program *p, exchange_id exchange,
                       const struct http_request *request,
                       const ProtobufCMessageDescriptor *type,
                       struct effects *fx);
