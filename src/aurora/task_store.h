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

enum {
    SHARED_JOBS = 1024,
    SHARED_MESSAGES = 256,
    SHARED_HOSTS = 32768,
    SHARED_ID_MAX = 44 /* bytes of an agent's id; longer ones are not shared */
};

/* A host that was met, in one line of the cache: finding it again must not wait
 * for memory more than once. */
struct shared_host {
    struct host *host; /* borrowed; NULL: free */
    struct blob *agent_id;
    uint16_t references; /* to it, owned; taken in advance */
    uint16_t size;
    uint8_t id[SHARED_ID_MAX];
};

struct stored_tasks {
    struct stored_task *item;
    uint32_t count, capacity;
    /* The last ones that were met, by hash. */
    struct {
        struct blob *key; /* owned; as it is written */
        struct job *job;
        struct job_config *config; /* borrowed; the last that a task had */
    } job[SHARED_JOBS];
    struct blob *message[SHARED_MESSAGES]; /* owned references */
    /* Hosts that were met, all of them at best: an open table, in lines of the
     * cache. NULL before the first task. */
    struct shared_host *host;
    void *host_memory; /* owned; where that is */
};

/* One record; the jobs, configs and hosts are there already. ERR_DAMAGED. */
int stored_tasks_take(struct aurora_program *p, struct bytes key,
                      struct bytes value, struct err *err);
/* That was all: into the core, in the order of their age. */
int stored_tasks_restore(struct aurora_program *p, struct err *err);
void stored_tasks_release(struct stored_tasks *stored);
