/* Records of tasks become tasks. There may be a million of them, so they are
 * read from the wire by hand: one pass, no message in between, and what many
 * have in common (agents, messages) is shared. tests/unit/test_task_store.c
 * fails when the record of perigee/aurora_store.proto has a field that is not
 * read here. */
#pragma once
#include "aurora/core/task.h"
#include "base/err.h"

struct aurora_program;

struct stored_task {
    uint64_t number;   /* as stored: age */
    struct task *task; /* owned until it is the core's */
};

enum { SHARED_JOBS = 1024, SHARED_MESSAGES = 256, SHARED_HOSTS = 32768 };

struct stored_tasks {
    struct stored_task *item;
    uint32_t count, capacity;
    /* The last ones that were met, by hash. */
    struct {
        struct blob *key; /* owned; as it is written */
        struct job *job;
    } job[SHARED_JOBS];
    struct blob *message[SHARED_MESSAGES]; /* owned references */
    /* Hosts that were met, all of them at best: an open table. Owned; NULL
     * before the first task. */
    struct shared_host {
        const struct blob *agent_id; /* of the host; near, where it is not */
        struct host *host;           /* borrowed */
    } * host;
};

/* One record; the jobs, configs and hosts are there already. ERR_DAMAGED. */
int stored_tasks_take(struct aurora_program *p, struct bytes key,
                      struct bytes value, struct err *err);
/* That was all: into the core, in the order of their age. */
int stored_tasks_restore(struct aurora_program *p, struct err *err);
void stored_tasks_release(struct stored_tasks *stored);
