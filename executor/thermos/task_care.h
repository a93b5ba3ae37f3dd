/* What an executor does for a task besides running it, decoded from its
 * perigee.AssignedTask: how to check its health, how to ask it to end, where to
 * announce it. A plain command has at most a Mesos health check. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "executor/thermos/core/thermos.h"
#include "executor/thermos/task_config.h"
#include "mesos/v1/mesos.pb-c.h"

enum check_kind { CHECK_NONE, CHECK_HTTP, CHECK_TCP, CHECK_SHELL, CHECK_LUA };

enum { CARE_ALIASES_MAX = 16 /* from one port name to the next */ };

struct task_care {
    struct task_config words;            /* its arena owns all of it */
    const Perigee__AssignedTask *task;   /* NULL: a plain command */
    const Mesos__V1__HealthCheck *plain; /* of a plain command, or NULL */
    /* health */
    enum check_kind kind;
    int64_t timeout_ms; /* of one check */
    uint32_t check_port;
    const char *endpoint, *expected; /* HTTP; expected "": any answer */
    uint32_t expected_code;          /* 0: any, of a plain command 200-399 */
    struct process_config command;   /* shell, and that of functions */
    /* teardown */
    uint32_t lifecycle_port;
    const char *quit_endpoint, *abort_endpoint;
    /* announcement */
    const char *zookeeper, *announce_path; /* "host:port,...", "/a/b" */
    const char *member;                    /* JSON of the ServerSet */
};

/* The part that decides, from packed mesos.v1.TaskInfo; all zeroes for a task
 * that cannot be read, which its runner will say. */
void task_care_rules(struct bytes task_info, struct thermos_care *out);
/* All of it, with every {{...}} replaced and every port found. Fails with a
 * text for the user. */
int task_care_open(struct bytes task_info, const struct task_host *host,
                   struct task_care *out, struct err *err);
/* For task_care.c and plain_care.c only: what goes into a request line; nothing
 * that would end it. `other` when there is none. */
int task_care_path(struct task_care *care, const char *field, const char *path,
                   const char *other, const char **out, struct err *err);
void task_care_release(struct task_care *care);
