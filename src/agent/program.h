/* The agent as a program (wire/program.h): its core, codecs and routes, without
 * sockets, disk or processes. main.c runs it on src/sys/daemon, tests/sim in
 * virtual time. acts.h lists what its shell must do. */
#pragma once
#include "base/access.h"
#include "base/attributes.h"
#include "base/resources.h"
#include "wire/program.h"

struct agent_flag { /* for GET_FLAGS and /state */
    const char *name, *value;
};

struct agent_options {  /* everything is copied */
    const char *master; /* "host:port", "https://host:port" */
    const char *ip;     /* where we listen; told to executors */
    int port;
    const char *hostname;
    const char *work_dir; /* absolute */
    const char *executor; /* path of thermos, for tasks without an executor */
    const char *executor_socket; /* where executors reach us; NULL: at our
                                    address, as everybody does */
    const char *tls_ca;          /* told to executors; NULL: none */
    const char *authorization;   /* of our calls to the master; NULL: none */
    const char *executor_key;    /* what executors' tokens are made with; it
                                    outlives us; NULL: they get none */
    const char *boot_id; /* of the machine; another one: nothing survived */
    bool switch_user;    /* root: executors run as their user */
    const struct resources *resources;
    const struct attributes *attributes;
    uint64_t seed;
    int64_t executor_registration_timeout_ms;
    int64_t executor_reregistration_timeout_ms;
    int64_t executor_shutdown_grace_ms;
    int64_t recovery_timeout_ms;
    int64_t gc_delay_ms;
    const struct agent_flag *flag;
    uint32_t flag_count;
};

struct agent_program;
struct agent_program *agent_program_new(const struct agent_options *options);
void agent_program_free(struct agent_program *program); /* accepts NULL */
/* The port is known only after binding when it was given as 0; before
 * on_start. */
void agent_program_set_port(struct agent_program *program, int port);
/* Whom to ask what; without it everybody may do everything. Takes the reference
 * to its users. */
void agent_program_set_access(struct agent_program *program,
                              const struct access *access);
/* The realm of a request, for a gate. */
enum realm agent_realm_of(const struct http_request *request);
/* A run of an executor, as paths of sandboxes name it. */
struct agent_run_name {
    const char *framework, *executor;
    const char *container; /* or "latest" */
};
enum agent_reading { AGENT_READS_NOT, AGENT_READS, AGENT_READS_UNKNOWN };
/* May the user read its sandbox? As the logs of the job in it (job.read), of a
 * task without a job as those of its framework's role. Unknown: whose it is has
 * been forgotten; then what was written beside it says so. */
enum agent_reading agent_program_reads(const struct agent_program *program,
                                       const char *principal,
                                       const struct agent_run_name *run);
/* May the user, by what was written; NULL: there is nothing. */
bool agent_program_owner_may(const struct agent_program *program,
                             const char *principal, const char *owner);
/* "" until the master gave one. */
const char *agent_program_id(const struct agent_program *program);

/* Figures of a running container, for /containers and /monitor/statistics.
 * The shell that can measure sets a reader; without one they are absent. */
struct agent_usage {
    int64_t cpu_user_ms, cpu_system_ms;
    int64_t mem_bytes, mem_rss_bytes, mem_cache_bytes, mem_limit_bytes;
};
typedef bool agent_usage_reader(void *context, const char *container_id,
                                struct agent_usage *out);
void agent_program_set_usage(struct agent_program *program,
                             agent_usage_reader *reader, void *context);

extern const struct program AGENT_PROGRAM;
