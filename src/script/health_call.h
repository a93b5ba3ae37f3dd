/* A health function of a job file (`health = function(ctx) ... end`), called in
 * a child of the executor that runs as the role's user. The child evaluates the
 * bundle, calls the function once and ends; the parent reads one answer from a
 * pipe and keeps the wall clock: a check that waits too long is killed by it.
 *
 * What the function may use besides the language, only while it is called:
 *   http.get(url)            -> { status = 200, body = "..." } | nil, message
 *   tcp.connect(host, port)  -> true | nil, message
 *   sh(command)              -> exit status, output | nil, message
 * `ctx` has ports (name to number), instance, hostname, sandbox, attempt.
 *
 * true is healthy; false or nil, with a reason behind it if it likes, is not;
 * anything else, an error, or a budget exceeded is a failure with its line. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

enum {
    HEALTH_CALL_MS = 100,         /* CPU time of the call */
    HEALTH_EVALUATION_MS = 1000,  /* of the file before it; checked to be */
    HEALTH_CHECKED_MS = 50,       /* at most this when the job was made */
    HEALTH_BUNDLE_MAX = 64 << 10, /* bytes, without assets */
    HEALTH_TEXT_MAX = 60 << 10,   /* of Lua in it */
    HEALTH_MEMORY_MAX = 64 << 20,
    HEALTH_REASON_MAX = 512,
    HEALTH_BODY_MAX = 1 << 20 /* of http.get's body and sh's output */
};

struct health_port {
    const char *name;
    uint32_t port;
};

struct health_context {
    const struct health_port *port;
    size_t port_count;
    const char *hostname, *sandbox;
    uint32_t instance, attempt;
};

/* What reaches out of the sandbox. A NULL function is told to the file as not
 * available here. Bodies and outputs beyond HEALTH_BODY_MAX are cut by the
 * function that reads them. */
struct health_tools {
    void *context;
    int (*http_get)(void *context, const char *url, int *status,
                    struct buf *body, struct err *err);
    int (*tcp_connect)(void *context, const char *host, uint16_t port,
                       struct err *err);
    int (*sh)(void *context, const char *command, int *exit_status,
              struct buf *output, struct err *err);
};

/* In the child: evaluate, call, write the answer to `fd`, exit. The bundle was
 * checked when the job was made; the task carries it without assets, and the
 * job library it was made with, a packed perigee.Release, unless that is our
 * own (empty). */
_Noreturn void script_health_run(struct bytes bundle, struct bytes stdlib,
                                 uint32_t ordinal,
                                 const struct health_context *context,
                                 const struct health_tools *tools, int fd);

/* In the parent: what was read from the pipe until its end, and how the child
 * ended. `reason` is "" or says why it is not healthy: "f.lua:12: ...". */
bool script_health_answer(struct bytes answer, int wait_status,
                          char reason[HEALTH_REASON_MAX]);
