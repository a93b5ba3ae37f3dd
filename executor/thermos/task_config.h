/* What a runner is to do, decoded: from a mesos.v1.TaskInfo whose data is a
 * perigee.AssignedTask, or whose command is to be run as Mesos' command
 * executor would. Everything is checked here and every {{...}} is replaced, so
 * that a task that cannot be run says so before any of it runs. */
#pragma once
#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "executor/thermos/core/task_run.h"
#include "mesos/v1/mesos.pb-c.h"
#include "perigee/job.pb-c.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    TASK_ENV_MAX = 1000,  /* variables of one process */
    TASK_FETCH_MAX = 256, /* things to fetch */
    LOG_SIZE = 100 << 20, /* bytes at which a log is rotated */
    LOG_BACKUPS = 5,
    LOG_BACKUPS_MAX = 100
};

enum log_destination { LOG_FILE, LOG_CONSOLE, LOG_BOTH, LOG_NONE };

struct log_rule {
    enum log_destination destination;
    uint64_t size;    /* rotate at so many bytes; 0: never */
    uint32_t backups; /* files kept besides the growing one */
};

struct process_config {
    const char *name;
    const char *path;        /* program; searched in PATH when it has no '/' */
    const char *const *argv; /* NULL-terminated */
    const char *const *envp; /* NULL-terminated */
    struct log_rule log;
};

struct fetch_config {
    const char *uri, *output, *sha256; /* sha256 NULL: unchecked */
    bool is_asset, extract, executable;
};

/* What the machine knows. Borrowed. */
struct task_host {
    const char *sandbox; /* absolute */
    const char *hostname;
    const char *user, *home; /* of the processes */
    const char *const *environ;
    const char *shell; /* "/bin/bash" */
    bool is_bash;      /* it reads BASH_ENV */
};

struct task_config {
    struct arena arena; /* owns all of it */
    const char *task_id;
    const char *job_key; /* NULL: a plain command */
    uint32_t instance;
    bool is_command; /* plain Mesos command: its texts, its output */
    struct task_rule rule;
    struct process_rule *process_rule; /* parallel to process */
    struct process_config *process;
    uint32_t count;
    struct plan_edge *order;
    uint32_t order_count;
    struct fetch_config *fetch;
    uint32_t fetch_count;
    const char *asset_url; /* http:// or file://, + SHA-256; NULL: none */
    Perigee__AssignedPort **port;
    size_t port_count;
    uint64_t hash; /* of the bytes it came from */
};

/* From packed mesos.v1.TaskInfo. */
int task_config_from_info(struct bytes task_info, const struct task_host *host,
                          struct task_config *out, struct err *err);
/* From packed perigee.AssignedTask. */
int task_config_from_assigned(struct bytes assigned,
                              const struct task_host *host,
                              struct task_config *out, struct err *err);
void task_config_release(struct task_config *config);
/* What surrounds the processes (health checks): a shell command in the job's
 * environment, with every {{...}} replaced. The result lives in the arena of
 * `scratch`, a config that is empty but for it. */
int task_config_command(struct task_config *scratch,
                        const Perigee__AssignedTask *task,
                        const struct task_host *host, const char *cmdline,
                        struct process_config *out, struct err *err);
/* A plain Mesos command in what the executor's environment is; as above. */
int task_config_plain(struct task_config *scratch,
                      const Mesos__V1__CommandInfo *command,
                      const struct task_host *host, struct process_config *out,
                      struct err *err);
/* The plan: rules and orders; refuses circles by name. */
int task_config_plan(const struct task_config *config, struct task_run *out,
                     struct err *err);
