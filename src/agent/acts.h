/* What the agent's program asks of its shell (ACT effects) and what it is told
 * in return (facts). Plain data: the simulator performs the same acts on
 * imagined processes. Strings of an act live in the effects' arena; those of a
 * fact are copied, so facts carry fixed arrays.
 *
 *   LAUNCH ──► STARTED ──► EXITED        the usual life
 *   LAUNCH ──► FAILED                    nothing was started, nothing is left
 *   DESTROY ─► EXITED                    also for a container still fetching:
 *                                        then FAILED
 *   RECOVER ─► ALIVE | EXITED            after a restart of the agent
 *
 * EXITED means: the executor is dead and no process of its container is left.
 * Every container gets exactly one FAILED or EXITED. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
    AGENT_CONTAINER_ID_MAX = 64,
    AGENT_FACT_TEXT_MAX = 2048 /* a message for people, with its NUL */
};

enum agent_act {
    AGENT_ACT_LAUNCH,  /* struct agent_launch */
    AGENT_ACT_LIMIT,   /* struct agent_limit */
    AGENT_ACT_DESTROY, /* struct agent_destroy */
    AGENT_ACT_RECOVER, /* struct agent_recover */
    AGENT_ACT_SWEEP,   /* struct agent_sweep */
};

enum agent_fact {
    AGENT_FACT_STARTED, /* struct agent_started */
    AGENT_FACT_FAILED,  /* struct agent_failed */
    AGENT_FACT_ALIVE,   /* struct agent_started; pid 0: not known which */
    AGENT_FACT_LIMITED, /* struct agent_limited; a DESTROY answers it */
    AGENT_FACT_EXITED,  /* struct agent_exited */
    AGENT_FACT_LEAVE,   /* no data: leave the cluster for good */
    AGENT_FACT_USERS,   /* struct gate_fact: other users from now on */
};

struct agent_uri {
    const char *value;
    const char *output_file; /* NULL: the last part of the path */
    bool executable, extract;
};

/* Make the sandbox, fetch, start. */
struct agent_launch {
    const char *container_id;
    const char *sandbox;     /* absolute; its last part is container_id */
    const char *user;        /* whose process it becomes, under root */
    const char *owner;       /* to be written beside it (sandbox.h); or NULL */
    const char *path;        /* program */
    const char *const *argv; /* NULL-terminated */
    const char *const *envp; /* NULL-terminated, "NAME=value" */
    const struct agent_uri *uri;
    uint32_t uri_count;
    int64_t cpu_milli, mem_bytes; /* limits of the whole container */
    bool is_tidy; /* our own executor: when it exits with 0, nothing it started
                     is left */
};

struct agent_limit { /* the container's tasks changed */
    const char *container_id;
    int64_t cpu_milli, mem_bytes;
};

struct agent_destroy {
    const char *container_id;
};

struct agent_recover {
    const char *container_id;
    const char *sandbox;
    int64_t pid;   /* 0: the agent died before it knew */
    uint64_t born; /* start time of pid, clock ticks since boot */
    bool rebooted; /* nothing of this container can be alive */
    int64_t cpu_milli, mem_bytes;
};

struct agent_sweep { /* remove sandboxes that ended before */
    int64_t before_ms;
    const char *const *live; /* container ids to leave alone, NULL-terminated */
};

struct agent_started {
    char container_id[AGENT_CONTAINER_ID_MAX];
    int64_t pid;
    uint64_t born;
};

struct agent_failed {
    char container_id[AGENT_CONTAINER_ID_MAX];
    char text[AGENT_FACT_TEXT_MAX]; /* "Failed to launch container: ..." */
};

struct agent_exited {
    char container_id[AGENT_CONTAINER_ID_MAX];
    bool has_status; /* false: it was not our child (agent restarted) */
    int32_t status;  /* raw wait status */
};

struct agent_limited { /* the container wanted more memory than it may have */
    char container_id[AGENT_CONTAINER_ID_MAX];
    int64_t mem_limit_bytes;
    char text[AGENT_FACT_TEXT_MAX]; /* "Memory limit exceeded: ..." */
};
