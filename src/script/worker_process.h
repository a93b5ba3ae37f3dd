/* The child that evaluates: how it is asked and how it answers. It has a
 * request in memory as standard input and a pipe as standard output. A person's
 * program starts itself again (argv WORKER_ARGUMENT); a daemon's children come
 * from its nursery (script/nursery.h).
 *
 * The answer is one letter and the rest until the end of the pipe:
 *   'E' a packed perigee.Evaluation
 *   'T' "LINE FILE\nSOURCE": the time was up; written by a signal handler, from
 *       wherever the child was
 *   'V' packed perigee.Verdicts, when the request holds a judgement */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "script/evaluate.h"
#include <sys/types.h>

#define WORKER_ARGUMENT "--script-worker"

enum {
    WORKER_ANSWER_MAX = 256 << 20, /* to a person's program */
    WORKER_RESULT_MAX = 1 << 20,   /* to a daemon, whose loop reads it */
    WORKER_PIPE_BYTES = 1 << 20,
    WORKER_KEYS_MAX = 50, /* of jobs instead of the picked one; problems */
    WORKER_WALL_MS = 60000
};

struct worker_process {
    pid_t pid; /* 0: none */
    int fd;    /* its answer; close-on-exec */
};

/* The request as a file in memory, which is what waits in a queue and what the
 * child reads: the bundle (empty: none) is copied once, and nobody waits for a
 * reader. A descriptor, close-on-exec. */
int worker_request_fd(const Perigee__WorkRequest *request, struct bytes bundle,
                      struct err *err);
/* The descriptor stays the caller's. */
int worker_process_start(int request_fd, struct worker_process *out,
                         struct err *err);
/* "runs longer than 2 s of CPU time" */
char *worker_time_text(int64_t cpu_ms, char *out, size_t size);
void worker_request_limits(Perigee__WorkRequest *request,
                           const struct script_limits *limits);
/* From the answer and the wait status: a packed perigee.Evaluation is appended
 * to *out, made up when the child could not write one. */
void worker_answer(struct bytes answer, int wait_status, int64_t cpu_ms,
                   const struct script_limits *limits, struct buf *out);
/* The same for an answer to a judgement: packed perigee.Verdicts, of one that
 * tells why when the child gave none. */
void worker_verdicts(struct bytes answer, int wait_status, int64_t cpu_ms,
                     const struct script_limits *limits, struct buf *out);
/* No child could be started: an evaluation with that problem, or one verdict
 * (a question's) that may be better another time. */
void worker_unborn(bool is_question, struct buf *out);
