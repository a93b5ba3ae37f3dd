/* The verbs of thermos that look at the tasks of this machine. Each gets a
 * request whose command line is read and whose tasks are found; it appends its
 * answer to `out`, which is printed at the end, and returns the exit status. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "executor/thermos/observer/machine.h"
#include <stdbool.h>
#include <stdint.h>

/* As clusterctl's. */
enum command_exit {
    COMMAND_OK = 0,
    COMMAND_FAILED = 4,
    COMMAND_BAD_LINE = 5,
    COMMAND_BAD_NAME = 6, /* no such task, process or file */
    COMMAND_INTERRUPTED = 130
};

enum { COMMAND_ARGS_MAX = 2 };

struct request {
    struct machine machine;
    const struct machine_task *task; /* the first argument, when it is one */
    const char *arg[COMMAND_ARGS_MAX];
    int arg_count;
    struct buf out;
    bool json, colour, all, follow, use_stderr, no_wait;
    int64_t lines;      /* --lines */
    int64_t timeout_ms; /* --timeout */
    int port;           /* --port */
    const char *ip;     /* --ip */
    const char *tls_cert, *tls_key, *tls_ca; /* --tls-cert, ... */
    bool tls_require_client;
};

int command_status(struct request *r);
int command_inspect(struct request *r);
int command_tail(struct request *r);
int command_kill(struct request *r);
int command_read(struct request *r);
int command_observe(struct request *r);

/* Run the verb argv[0], if it is one of these: true, and *status is set. */
bool command_run(int argc, char **argv, int *status);
/* Say on stderr what is wrong; returns `status`. */
int command_fail(const struct err *err, int status);
/* A begin and an end of colour in `out`; "" without colour. */
const char *command_paint(const struct request *r, const char *code);
const char *command_state_colour(task_state_t state);
