/* What one instance of a job would run on a machine: texts after substitution.
 * Numbers that only the cluster knows are examples: ports from 31000 on in the
 * order of their names. A name that only the machine knows and nobody gave
 * stays as it is written, {{mesos.hostname}}. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "perigee/job.pb-c.h"
#include <stdbool.h>
#include <stdint.h>

enum { RENDER_FIRST_PORT = 31000 };

struct render_text {
    const char *name, *value;
};

struct render_process {
    const Perigee__Process *process;
    const char *cmdline;
    struct render_text *env; /* the job's, then the process's */
    size_t env_count;
    const char **after; /* processes it waits for */
    size_t after_count;
    uint32_t step; /* 1: waits for none; final processes have their own */
};

struct render {
    const Perigee__Job *job;
    uint32_t instance;
    struct render_text *port; /* name and number */
    size_t port_count;
    struct render_process *process;
    size_t process_count;
    const char **fetch; /* URIs, parallel to the task's */
    const char *health; /* the shell check's command, or NULL */
};

/* Everything in the arena; hostname NULL: not known. ERR_INVALID names the
 * text that cannot be substituted. */
int render_job(const Perigee__Job *job, uint32_t instance, const char *hostname,
               struct arena *arena, struct render *out, struct err *err);
