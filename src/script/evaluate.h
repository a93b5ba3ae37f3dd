/* Evaluating a job file. A job file is a pure function of its bundle: the files
 * it reads, its parameters and the stdlib release. It runs in a child process
 * with budgets, never in the caller's (ARCHITECTURE.md, "Scripts run beside a
 * core"). The result is a packed perigee.Evaluation: jobs, or every problem
 * found at once. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "perigee/script.pb-c.h"
#include <stdint.h>

struct script_limits {
    int64_t cpu_ms;       /* 2000 */
    int64_t memory_bytes; /* 512 MiB */
    int64_t bundle_bytes; /* 4 MiB of Lua text */
    int32_t files;        /* 256 */
    int64_t asset_bytes;  /* 4 MiB each */
};
extern const struct script_limits SCRIPT_LIMITS; /* the defaults above */

struct script_parameter {
    const char *name, *value;
};

/* Evaluate a file on disk and collect its bundle: what clusterctl and
 * `thermos run` do. Waits for the child. A file with problems is a success
 * with problems; errors are: no such file, no worker. Free with
 * perigee__evaluation__free_unpacked(out, NULL). `root` NULL: the file's own
 * folder. */
int script_evaluate_file(const char *path, const char *root,
                         const struct script_parameter *parameter,
                         size_t parameter_count,
                         const struct script_limits *limits,
                         Perigee__Evaluation **out, struct err *err);

/* The same, and then the assertions of the file's `_test.lua` beside it
 * (script/tests.h): out->test, unset when the job file cannot be read. Budgets
 * are wider. */
int script_test_file(const char *path, const char *root,
                     const struct script_parameter *parameter,
                     size_t parameter_count, Perigee__Evaluation **out,
                     struct err *err);
/* "a/web_test.lua" of "a/web.lua"; malloc'ed. */
char *script_test_path(const char *path);

/* Print problems as people read them (rule 2's form), at most 50. */
void script_print_problems(const Perigee__Evaluation *evaluation, bool colour,
                           struct buf *out);
/* The first line of that, of one problem, without its end. */
void script_print_problem(const Perigee__Problem *problem, struct buf *out);
/* Hex SHA-256 of the stdlib release built into this program. */
const char *script_stdlib_hash(void);
/* All of it: append a packed perigee.Release. */
void script_stdlib_release(struct buf *out);

/* The child's side: every program that evaluates calls this first thing in
 * main(); it returns -1 unless argv says that this process is a script worker,
 * else the exit status. */
int script_worker_main(int argc, char **argv);
