/* Starting one process of a task: a session of its own, the sandbox as working
 * directory, its streams.
 *
 * The child shares the caller's memory until its program begins, and the caller
 * stands still until then: no page is copied. Nor are the descriptors of a
 * runner, of which there are four for every process: the child shares those,
 * too, and leaves all but the lowest behind in one call. `record` is called in
 * the child: what it refuses does not run, so nothing runs that is not
 * recorded. A caller that is killed meanwhile changes nothing: the child
 * records and begins. A child that is killed may have recorded in part:
 * is_torn. */
#pragma once
#include "base/err.h"
#include "executor/thermos/task_config.h"
#include <sys/types.h>

/* What a child needs of the descriptors; opened early, so the numbers are
 * low. */
struct child_files {
    int null;      /* /dev/null */
    int stream[2]; /* where a child finds its stdout and stderr, otherwise
                      /dev/null; -1: it gets a copy of everything */
    int last;      /* those up to this one are copied; at least the ones that
                      `record` uses */
};
void child_files_open(int null, struct child_files *out);

struct child_spec {
    const struct process_config *config;
    int out, err; /* descriptors, or LOG_WRITER_* */
    const struct child_files *files;
    bool has_profile; /* .thermos_profile is there: BASH_ENV names it */
    const char *sandbox;
    int exit_unrunnable; /* exit status when the program cannot be run */
    /* Must not allocate memory: it may be killed in the middle. */
    int (*record)(void *context, pid_t pid, struct err *err);
    void *context;
};

struct child {
    pid_t pid;      /* 0: none */
    int unrunnable; /* errno: recorded, but the program cannot be run; it exits
                       with exit_unrunnable, or by SIGKILL where another try
                       may help */
    bool is_torn;   /* killed before it had recorded */
};

/* Fails when nothing was recorded; codes are those of fault.h. */
int child_start(const struct child_spec *spec, struct child *out,
                struct err *err);
/* Let this program have as many descriptors as the machine allows (four a
 * process are needed for logs); children get back what was there before. */
void child_raise_files(void);
