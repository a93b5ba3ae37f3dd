/* The insides of a runner, shared by its files: runner.c (the loop),
 * runner_processes.c (starting, ends, orphans), runner_logs.c (their output),
 * runner_replay.c (checkpoint and adoption), runner_text.c (what is told).
 *
 * Every time in here, deadlines too, is on the clock that counts since the boot
 * (sys/clock.h): nobody sets it, and the next runner reads the same. */
#pragma once
#include "executor/thermos/child.h"
#include "executor/thermos/control.h"
#include "executor/thermos/runner.h"
#include "executor/thermos/stream.h"
#include "executor/thermos/task_config.h"
#include "executor/thermos/task_log.h"
#include "sys/clock.h"

#include <poll.h>
#include <sys/types.h>

struct runner_process {
    pid_t pid; /* 0 when none runs */
    uint64_t start_ticks;
    bool is_adopted;    /* not our child: the executor tells its end */
    int pidfd;          /* of an adopted one nobody can tell about; -1 */
    uint32_t slot;      /* of pidfd, in polled */
    int64_t suspect_ms; /* gone without a word: LOST then; 0: no */
    int wait_status;    /* of the newest run that ended; -1: unknown */
    char *unrunnable;   /* why the newest run could not begin; owned, NULL */
    bool is_unlogged;   /* no: why it was ended, it had no place for output */
    bool may_pass;      /* that is no reason to give up (fault.h) */
};

struct runner_log {
    struct task_log log;
    uint32_t process, run;
    uint32_t slot;      /* of log.pipe, in polled */
    int64_t missing_ms; /* since when its file cannot be made; 0: it can */
};

struct runner_orphan {
    pid_t pid;
    int signal; /* strongest sent */
};

struct runner {
    const struct runner_options *options;
    struct task_config config;
    struct task_run run;
    struct stream stream;
    struct runner_process *process; /* owned, config.count of them */
    VEC(struct runner_log) logs;    /* open ones */
    VEC(struct runner_orphan) orphans;
    VEC(struct pollfd) polled; /* slot 0 stands for "not polled" */
    const char *shell;
    int control;         /* -1: the executor is gone, or never was */
    int64_t orphaned_ms; /* how long to go on without the executor; 0: end */
    bool has_executor;   /* there was one from the start */
    int signals;         /* signalfd */
    struct child_files files;
    int fetch_text;        /* what the fetching child says; -1 */
    pid_t fetch_pid;       /* 0: none */
    bool is_prepared;      /* the sandbox is filled */
    bool is_replayed;      /* the stream held the header */
    bool is_told;          /* RUNNER_RUNNING was told */
    bool is_recorded_over; /* the stream says that the task is over */
    bool is_this_boot;     /* while replaying: times are of this boot */
    int64_t began_ms;
    char boot_id[CLOCK_BOOT_ID_MAX];
    uint32_t interrupts;                /* SIGINT and SIGTERM so far */
    char text[THERMOS_MESSAGE_MAX + 1]; /* of the end */
};

/* runner.c */
void runner_tell(struct runner *r, struct runner_event event);
void runner_tell_running(struct runner *r); /* once */

/* runner_processes.c */
/* What could not be started, or not be recorded, did not run: LOST, or FAILED
 * where another try cannot help (fault.h). */
void runner_start(struct runner *r, uint32_t process, int64_t now_ms);
/* Whoever lost his parent is a child of ours, or of the executor when an
 * earlier runner died: signal them and tell the core how many there are. */
void runner_sweep(struct runner *r, int signal);
void runner_process_ended(struct runner *r, uint32_t process, int wait_status,
                          bool is_lost, int64_t now_ms);

/* runner_logs.c */
/* For a new run of a process. writer[1], writer[2] as task_log_open's. */
int runner_open_logs(struct runner *r, uint32_t process, int writer[3],
                     struct err *err);
/* Keep an open log of a run, if there is anything to read. */
void runner_add_log(struct runner *r, const struct task_log *log,
                    uint32_t process);
/* A log whose pipe is at its end: close and forget it. */
void runner_log_ended(struct runner *r, uint32_t at);
/* A run has ended: read what it wrote. */
void runner_drop_logs(struct runner *r, uint32_t process, uint32_t run);
/* Nobody writes them any more, or may: close them as they are. */
void runner_forget_logs(struct runner *r, uint32_t process, uint32_t run);
/* Files that are not there yet. Who has none for long is ended. When to call
 * again; INT64_MAX: all are there. */
int64_t runner_make_log_files(struct runner *r);
/* The task is over: add to r->text whose output could not be kept, and why. */
void runner_write_lost_output(struct runner *r);

/* runner_replay.c */
int runner_open_stream(struct runner *r, struct err *err);
void runner_record_process(struct runner *r, uint32_t process,
                           Perigee__Thermos__Process__State state,
                           int wait_status, int64_t now_ms);
/* As of now. */
int runner_record_start(struct runner *r, uint32_t process, struct err *err);
/* It never began: FAILED for process[].unrunnable. */
void runner_record_unrunnable(struct runner *r, uint32_t process,
                              int64_t now_ms);
void runner_record_state(struct runner *r, enum task_run_state state,
                         int64_t now_ms);
void runner_record_kill(struct runner *r, int64_t now_ms);
/* The pipes that an earlier runner left. */
void runner_reopen_logs(struct runner *r);
/* Of the processes that the stream says run: adopt, or doubt. */
void runner_adopt(struct runner *r, int64_t now_ms);
/* The executor is gone: watch what it adopted ourselves. */
void runner_watch_adopted(struct runner *r);

/* runner_text.c */
enum run_outcome runner_outcome(const struct runner *r, int wait_status);
/* What the end of the task is called, into r->text. */
void runner_write_text(struct runner *r);
enum thermos_state runner_final_state(const struct runner *r);
