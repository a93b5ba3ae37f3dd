/* One run of clusterctl: options that every command has, the answer being
 * built, and how to talk to people. stdout is the answer, stderr is talk. */
#pragma once
#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/job_key.h"
#include "script/evaluate.h"
#include <stdbool.h>
#include <stdint.h>

/* Apache Aurora's client uses the same numbers. */
enum exit_code {
    EXIT_OK = 0,
    EXIT_DIFFERENT = 1,     /* diff, plan: there is something to change */
    EXIT_BAD_CONFIG = 3,    /* the job file, or a configuration file */
    EXIT_FAILED = 4,        /* the command was understood and did not succeed */
    EXIT_BAD_COMMAND = 5,   /* no such command */
    EXIT_BAD_PARAMETER = 6, /* wrong option, key or number */
    EXIT_NETWORK = 7,       /* nobody answers */
    EXIT_TIMED_OUT = 9,
    EXIT_API = 10,     /* the scheduler refused */
    EXIT_UNKNOWN = 20, /* something that should not happen */
    EXIT_DENIED = 30,
    EXIT_INTERRUPTED = 130
};

enum { CLI_PARAMETERS_MAX = 64, CLI_ARGS_MAX = 256 };

struct cli {
    struct arena arena;  /* everything of this run */
    struct client *http; /* opened by the first call; owned */
    struct edge *edge;   /* to the cluster talked to (cli/edge.h); owned */
    struct buf out;      /* the answer, printed when the command ends */
    bool json;           /* --json */
    bool colour;         /* stdout is a terminal and nobody objects */
    bool talks;          /* stderr is a terminal: progress may be drawn */
    bool verbose;
    bool insecure; /* --insecure: secrets may travel in plain */

    const char *arg[CLI_ARGS_MAX]; /* what is left after the options */
    int arg_count;
    struct script_parameter parameter[CLI_PARAMETERS_MAX]; /* -p name=value */
    size_t parameter_count;

    /* Options of single commands; NULL or 0 when not given. */
    const char *wait_for, *timeout, *message, *directory, *agents, *port,
        *batch_size, *wait_until, *root, *host, *zone, *from, *count, *store,
        *backups, *user, *action, *key, *result, *since, *until, *watch_secs,
        *instance_failures, *total_failures, *file, *script, *percentage,
        *duration, *force_after, *reason, *cluster, *durations, *percentiles,
        *instances_min, *without;
    bool wait, active, no_wait, follow, accept_server, stderr_log, source,
        prune, new_framework, strict, no_batching, dot, force;
};

/* Report a failure in the form asked for (--json: one document on stdout,
 * otherwise "error: ...", where, hint on stderr); returns the exit code. */
int cli_fail(struct cli *cli, enum exit_code code, const struct err *err);
/* The same with a text made on the spot and an optional hint. */
int cli_refuse(struct cli *cli, enum exit_code code, const char *hint,
               const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The exit code that suits an error of ours. */
enum exit_code cli_exit_code(const struct err *err);

/* For a terminal: what it would obey and not show becomes '?', but for colours.
 * Messages of tasks and of other users are in what we print. */
void cli_tame(char *text, size_t size);

/* A line on stderr that the next one replaces; nothing when not a terminal. */
void cli_progress(const struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void cli_progress_done(const struct cli *cli);
/* A plain sentence to people on stderr; silent with --json. */
void cli_say(const struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

enum cli_colour {
    CLI_PLAIN,
    CLI_BOLD,
    CLI_DIM,
    CLI_GREEN,
    CLI_YELLOW,
    CLI_RED
};
/* Begin and end a colour in the answer; "" when there is no colour. */
const char *cli_colour(const struct cli *cli, enum cli_colour colour);

/* Argument `index` as a key (with instances when `set` is given), else a
 * refusal is reported and its exit code returned; 0 when fine. */
int cli_key(struct cli *cli, int index, struct job_key *key,
            struct instance_set *set);
/* A count given as text within [min, max]; the same convention. */
int cli_number(struct cli *cli, const char *what, const char *text, int64_t min,
               int64_t max, int64_t *out);
