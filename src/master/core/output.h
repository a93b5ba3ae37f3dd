/* What the master's core wants done: data, appended in order. Texts and blobs
 * belong to the list; pointers to agents, frameworks and offers are good until
 * the next input, so the program layer turns outputs into effects before it. */
#pragma once
#include "base/arena.h"
#include "base/bytes.h"
#include "base/id.h"
#include "base/vec.h"
#include "master/core/status.h"

struct agent;
struct inverse;
struct framework;
struct offer;
struct task;

enum output_kind {
    /* to the framework whose stream it is */
    OUTPUT_SUBSCRIBED, /* framework */
    OUTPUT_HEARTBEAT,
    OUTPUT_OFFERS,          /* offer[], count; all of one framework */
    OUTPUT_RESCIND,         /* offer_id */
    OUTPUT_INVERSE_OFFERS,  /* inverse[], count; all of one framework */
    OUTPUT_RESCIND_INVERSE, /* offer_id */
    OUTPUT_UPDATE,          /* blob: packed TaskStatus, from an agent */
    OUTPUT_STATUS,          /* task_id, agent_id, state, reason, text,
                               unreachable_ms, blob: what to repeat */
    OUTPUT_OPERATION_ERROR, /* text; operation id in task_id */
    OUTPUT_FAILURE,         /* agent_id, executor_id or NULL, number: status */
    OUTPUT_FRAMEWORK_MESSAGE, /* agent_id, executor_id, blob */
    OUTPUT_ERROR,             /* text */
    OUTPUT_END,               /* the stream is over (also of an agent) */
    /* to the agent whose stream it is */
    OUTPUT_AGENT_SUBSCRIBED, /* agent */
    OUTPUT_PING,
    OUTPUT_RUN,         /* framework, blob: TaskInfo, blob2: ExecutorInfo */
    OUTPUT_KILL,        /* framework_id, task_id, blob: KillPolicy */
    OUTPUT_ACKNOWLEDGE, /* framework_id, task_id, uuid */
    OUTPUT_EXECUTOR_MESSAGE,   /* framework_id, executor_id, blob */
    OUTPUT_SHUTDOWN_EXECUTOR,  /* framework_id, executor_id */
    OUTPUT_SHUTDOWN_FRAMEWORK, /* framework_id */
    OUTPUT_UPDATE_FRAMEWORK,   /* framework */
    OUTPUT_RECONCILE,          /* framework_id, task_id */
    OUTPUT_AGENT_ERROR,        /* text */
    OUTPUT_AGENT_SHUTDOWN,
    OUTPUT_AGENT_TURNED_AWAY, /* agent_id, number: epoch; its whole stream */
    /* to the store */
    OUTPUT_PERSIST_START,       /* number: the incarnation */
    OUTPUT_PERSIST_MAINTENANCE, /* the schedule as it is */
    OUTPUT_PERSIST_AGENT,       /* agent */
    OUTPUT_FORGET_AGENT,        /* agent_id */
    OUTPUT_PERSIST_FRAMEWORK,   /* framework */
    OUTPUT_FORGET_FRAMEWORK,    /* framework_id */
    OUTPUT_PERSIST_COMPLETED,   /* framework */
    OUTPUT_FORGET_COMPLETED,    /* framework_id */
    OUTPUT_LOG                  /* number: level; text */
};

struct output {
    enum output_kind kind;
    uint64_t stream;
    int media; /* of a framework's stream */
    const struct framework *framework;
    const struct agent *agent;
    const struct offer *const *offer;
    const struct inverse *const *inverse;
    uint32_t count;
    const char *framework_id, *agent_id, *task_id, *executor_id, *offer_id;
    const char *text;
    struct blob *blob, *blob2; /* one reference each; may be NULL */
    struct uuid uuid;
    enum task_state state;
    enum status_reason reason;
    int64_t unreachable_ms;
    int64_t number;
};

struct outputs {
    struct arena arena;
    struct output *item;
    uint32_t count, capacity;
};

void outputs_init(struct outputs *out);
void outputs_release(struct outputs *out);
void outputs_clear(struct outputs *out);
/* The new output; the caller fills it with output_text() copies. */
struct output *output_add(struct outputs *out, enum output_kind kind);
/* Copy into the list; NULL stays NULL. */
const char *output_text(struct outputs *out, const char *text);
void output_log(struct outputs *out, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
