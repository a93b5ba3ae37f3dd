/* The executor as a program (wire/program.h): core/thermos with the codec of
 * the Mesos v1 executor API. Driven by executor.c with a real runner, or by the
 * simulator with a made-up one. */
#pragma once
#include "executor/thermos/core/thermos.h"
#include "wire/program.h"
#include <stdbool.h>
#include <stdint.h>

struct executor_options {
    const char *agent_endpoint; /* "127.0.0.1:5051" */
    const char *agent_socket;   /* instead: a path; NULL: none */
    const char *framework_id, *executor_id;
    const char *token;           /* MESOS_EXECUTOR_AUTHENTICATION_TOKEN */
    int64_t recovery_timeout_ms; /* 0: not checkpointing */
    int64_t backoff_max_ms;
    int64_t shutdown_grace_ms;
    int64_t disk_interval_ms; /* between looks at the sandbox; 0: the default */
    uint64_t seed;
    /* From the clock of the steps to that of the world, which may be set at
     * any time; NULL: they are the same. */
    int64_t (*wall_ms)(int64_t now_ms);
};

enum { EXECUTOR_DISK_INTERVAL_MS = 60000 };

/* What only a shell can do (EFFECT_ACT). */
enum executor_act {
    EXECUTOR_ACT_START_RUNNER, /* struct executor_start */
    EXECUTOR_ACT_KILL_TASK,    /* struct executor_kill */
    EXECUTOR_ACT_TELL_LINK,    /* struct executor_tell_link */
    EXECUTOR_ACT_DESTROY,      /* SIGKILL to the runner and everything below */
    EXECUTOR_ACT_CHECK,        /* struct executor_check */
    EXECUTOR_ACT_STOP_CHECKS,  /* drop the one under way */
    EXECUTOR_ACT_DRAIN,        /* to the runner: start nothing more */
    EXECUTOR_ACT_ANNOUNCE,     /* and keep it so; ANNOUNCED once it is */
    EXECUTOR_ACT_TEAR,         /* struct executor_tear; answered by TORN */
    EXECUTOR_ACT_MEASURE       /* the sandbox; answered by MEASURED */
};
struct executor_check {
    uint64_t number; /* from 1 */
};
struct executor_tear {
    enum teardown_step step; /* LEAVING, QUITTING or ABORTING */
};
struct executor_start {
    struct bytes
        task_info; /* packed mesos.v1.TaskInfo, in the effects' arena */
    bool take_over;
};
struct executor_kill {
    int64_t grace_ms;
};
struct executor_tell_link {
    int64_t until_ms; /* 0: without executor not at all */
};

/* What a shell tells (on_fact). A runner's death is always told; its ENDED
 * before it, when it came. */
enum executor_fact {
    EXECUTOR_FACT_RUNNING,     /* struct executor_running */
    EXECUTOR_FACT_ENDED,       /* struct executor_ended */
    EXECUTOR_FACT_RUNNER_DIED, /* struct executor_runner_died */
    EXECUTOR_FACT_CHECKED,     /* struct executor_checked */
    EXECUTOR_FACT_TORN,        /* struct executor_torn */
    EXECUTOR_FACT_ANNOUNCED,
    EXECUTOR_FACT_MEASURED /* struct executor_measured */
};
struct executor_checked {
    uint64_t number; /* the act's */
    bool ok;
    struct bytes text; /* what is wrong */
};
struct executor_torn {
    enum teardown_step step; /* the act's */
    bool ok;                 /* a POST: it was answered */
};
struct executor_measured {
    int64_t bytes; /* -1: could not be seen */
};
struct executor_running {
    int64_t grace_ms; /* the task's finalization_wait */
};
struct executor_ended {
    enum thermos_state state; /* FINISHED, FAILED or KILLED */
    struct bytes text;
};
struct executor_runner_died {
    int wait_status;
};

struct executor_program;
extern const struct program EXECUTOR_PROGRAM;

/* Options are copied. */
struct executor_program *executor_program_new(
    const struct executor_options *options);
void executor_program_free(struct executor_program *program);
/* For tests and the simulator: the core's state. */
const struct thermos *executor_program_state(
    const struct executor_program *program);
