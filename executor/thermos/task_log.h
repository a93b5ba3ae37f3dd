/* One output stream of one run of a process: a pipe that the process writes
 * and we read into a file that rotates. The process holds it open for reading
 * and writing, so our death cannot hurt it: another runner reads on. That one
 * gets the pipe from the executor, which holds the reading end. Where there is
 * no executor the pipe has a name, a FIFO. (A name costs: files made and
 * removed for every process take a fifth of the time of a short task.) Without
 * rotation the process writes the file itself.
 *
 * While the file cannot be made, nothing is read: what is written waits in the
 * pipe, and when that is full, so does the writer (runner_logs.c says for how
 * long). A rotation that can make no new file goes on with the old one.
 *
 * Paths are relative to the sandbox, the runner's working directory:
 *   .logs/<process>/<run>/stdout      .thermos/<process>.<run>.stdout (FIFO) */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "executor/thermos/task_config.h"
#include <stdbool.h>
#include <stdint.h>

enum { LOG_PATH_MAX = 300 };

/* Somebody who wants to see what goes into the file, too. */
struct task_log_reader {
    void (*read)(void *context, const char *process, int stream,
                 struct bytes text);
    void *context;
};

/* Which one it is. */
struct task_log_id {
    const char *process; /* borrowed */
    uint32_t run;
    int stream; /* 1: stdout, 2: stderr */
};

struct task_log {
    struct log_rule rule;
    struct task_log_id id;
    struct task_log_reader reader; /* read NULL: nobody */
    int pipe;    /* we read here; -1: not pumped, or at its end */
    int file;    /* -1: none */
    int console; /* our own stdout or stderr, for LOG_BOTH; -1: none */
    char path[LOG_PATH_MAX];      /* of the file, "" when there is none */
    char fifo_path[LOG_PATH_MAX]; /* "" when the pipe has no name */
};

/* Make directories and pipe, `is_named`: one with a name; or the file, where
 * the process writes that itself. *writer is the descriptor for the child, to
 * be closed by the caller; -1 is /dev/null, -2 means "ours". */
enum { LOG_WRITER_NULL = -1, LOG_WRITER_OURS = -2 };
int task_log_open(struct task_log *out, const struct log_rule *rule,
                  struct task_log_id id, bool is_named, int *writer,
                  struct err *err);
/* For a process that lives already: `pipe` is its pipe, or -1: its FIFO is
 * there, or it has none. */
void task_log_reopen(struct task_log *out, const struct log_rule *rule,
                     struct task_log_id id, int pipe);
/* The file of a pumped log, unless it is there, and its directories should they
 * be gone: there is time for it when the process runs. Codes of fault.h. */
int task_log_make_file(struct task_log *log, struct err *err);
/* Bytes that wait in the pipe. */
size_t task_log_waiting(const struct task_log *log);
/* Move what is there, at most a bounded amount. True: call again. */
bool task_log_pump(struct task_log *log);
/* Move all that is there, but no more than a pipe can hold, and forget the pipe
 * if nobody writes it any more. */
void task_log_drain(struct task_log *log);
void task_log_close(struct task_log *log);
/* The last `size` bytes of the file, cut at a line, into out; its length. */
size_t task_log_tail(const struct task_log *log, char *out, size_t size);

/* For log_pump.c and task_log.c only. */
bool task_log_is_pumped(const struct log_rule *rule);
int task_log_open_file(struct task_log *log, int flags, struct err *err);
void task_log_rotate_full(struct task_log *log);
void task_log_end_pipe(struct task_log *log);
