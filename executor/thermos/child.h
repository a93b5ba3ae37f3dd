/* Starting one process of a task: a session of its own, the sandbox as working
 * directory, its streams. It does not begin before child_go(): until then the
 * caller can record it, and should the caller die first, the child never runs.
 */
#pragma once
#include "base/err.h"
#include "executor/thermos/task_config.h"
#include <sys/types.h>

struct child_spec {
    const struct process_config *config;
    int out, err;     /* descriptors, or LOG_WRITER_* */
    int null;         /* /dev/null */
    bool has_profile; /* .thermos_profile is there: BASH_ENV names it */
    const char *sandbox;
    int exit_unrunnable; /* exit status when the program cannot be run */
};

/* The child waits; *go is what child_go() needs. */
int child_start(const struct child_spec *spec, pid_t *out, int *go,
                struct err *err);
void child_go(int go);
/* Let this program have as many descriptors as the machine allows (four a
 * process are needed for logs); children get back what was there before. */
void child_raise_files(void);
/* It is not to run after all. */
void child_cancel(int go);
