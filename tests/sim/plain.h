/* A plain v1 framework: it launches command tasks, acknowledges their updates,
 * kills some, reconciles, and starts again what was lost, until every task that
 * was wanted has ended as it should. What it decided about a task is in its
 * store before anybody hears of it, so it may crash at any step. */
#pragma once
#include "base/vec.h"
#include "tests/sim/node.h"

enum plain_state {
    PLAIN_WAITING,  /* for an offer */
    PLAIN_LAUNCHED, /* its ACCEPT left, or may have left */
    PLAIN_ENDED     /* a terminal update came and was acknowledged */
};

/* One task that is wanted; each attempt has an id of its own. */
struct plain_task {
    uint32_t number, attempt;
    int64_t wanted_at_ms; /* wall time */
    int64_t length_ms;    /* -1: until it is killed */
    int status;
    int64_t kill_after_ms; /* of running; -1: is not killed */
    int64_t cpus_milli, mem_milli;
    bool wants_port;
    enum plain_state state;
    char agent_id[128];
    int64_t launched_ms, running_ms; /* 0: not yet */
    int64_t ask_at_ms;               /* reconcile or kill again */
    int end;                         /* its terminal mesos.v1.TaskState */
};

struct plain_options {
    const char *master; /* "host:port" */
    uint32_t tasks;
    int64_t first_ms, last_ms; /* wall times between which they are wanted */
    bool speaks_json;
    bool is_partition_aware;
    uint64_t fate; /* seeds the tasks; the same for every life */
    uint64_t seed; /* of this life */
};

struct plain;
struct plain *plain_new(const struct plain_options *options);
void plain_free(struct plain *p);
extern const struct program PLAIN_PROGRAM;

/* For the checks at the end. */
uint32_t plain_count(const struct plain *p);
const struct plain_task *plain_task(const struct plain *p, uint32_t at);
/* Agents that it is asked for, and has not said yes or no. */
uint32_t plain_inverses(const struct plain *p);
/* "plain-7-2" */
char *plain_task_id(const struct plain_task *task, char *out, size_t size);
