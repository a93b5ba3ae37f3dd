/* The runner: the process that runs one task. It plans, forks, writes logs and
 * the checkpoint, and tells what happens. Forked from an executor, it has a
 * control line to it; under `thermos run` it is the command's own process.
 *
 * It is a subreaper, so that what its processes leave behind comes to it. When
 * it dies, its children go to the executor; the next runner replays the
 * checkpoint, adopts what lives and hears of their ends from the executor.
 *
 *   sandbox/.thermos/stream      the checkpoint (stream.h)
 *   sandbox/.logs/PROCESS/RUN/   stdout, stderr */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "executor/thermos/control.h"
#include "executor/thermos/core/task_run.h"
#include "executor/thermos/core/thermos.h"
#include "executor/thermos/task_config.h"
#include "executor/thermos/task_log.h"
#include <stdbool.h>
#include <stdint.h>

enum runner_event_kind {
    RUNNER_RUNNING,         /* the first process runs, or all were adopted */
    RUNNER_PROCESS_STARTED, /* process, run, pid */
    RUNNER_PROCESS_ADOPTED, /* process, run, pid */
    RUNNER_PROCESS_ENDED,   /* process, run, outcome, wait_status */
    RUNNER_STATE,           /* task_state */
    RUNNER_ENDED            /* state, text */
};

struct runner_event {
    enum runner_event_kind kind;
    const char *process;
    uint32_t run;
    int pid;
    enum run_outcome outcome;
    int wait_status; /* -1: unknown */
    enum task_run_state task_state;
    enum thermos_state state;
    const char *text; /* ENDED; PROCESS_ENDED: why it never began, and
                         wait_status is -1, or why we ended it */
};
typedef void runner_listener(void *context, const struct runner_event *event);

struct runner_options {
    struct bytes task;       /* packed TaskInfo or AssignedTask */
    bool is_assigned;        /* the latter */
    const char *sandbox;     /* absolute; becomes the working directory */
    const char *user, *home; /* NULL: from the environment */
    const char *asset_dir;   /* assets lie here; NULL: by HTTP */
    int control;             /* to the executor; -1: there is none */
    int executor_pid;        /* 0: there is none */
    bool take_over;          /* the executor knows of earlier children */
    const struct control_held *held; /* what it keeps of earlier runners */
    size_t held_count;
    const struct control_exit *exits; /* and how their processes ended */
    size_t exit_count;
    runner_listener *listener; /* NULL: none */
    void *context;
    struct task_log_reader reader; /* of what processes write into logs that
                                      rotate; read NULL: nobody */
};

/* Runs the task to its end. 0: SUCCESS, 1: it ended otherwise, 3: it could not
 * be run as it is. */
int runner_main(const struct runner_options *options);
/* What this machine gives to a task; user and home NULL: the caller's. */
void runner_host(const char *sandbox, const char *user, const char *home,
                 struct task_host *out);
/* The name of the machine as the kernel has it. */
const char *runner_hostname(void);
