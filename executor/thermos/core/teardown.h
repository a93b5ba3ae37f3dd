/* What comes before a task's processes get SIGTERM: its announcement is taken
 * back, then it is asked over HTTP to end, in two steps.
 *
 *   LEAVING ──► QUITTING ──► QUIT ──► ABORTING ──► ABORTED ──► DONE
 *               POST         wait     POST         wait
 *
 * Steps that a task does not have are skipped; so is the wait after a POST that
 * nobody answered. Everything has a deadline, and until_ms bounds it all: a
 * program that hangs delays its end, it does not prevent it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
    TEARDOWN_LEAVE_MS = 1000, /* for the announcement to be gone */
    TEARDOWN_POST_MS = 1000   /* for an answer */
};

struct teardown_rule {
    bool is_announced;
    bool has_endpoints;
    int64_t quit_wait_ms, abort_wait_ms;
};

enum teardown_step {
    TEARDOWN_IDLE,
    TEARDOWN_LEAVING,
    TEARDOWN_QUITTING,
    TEARDOWN_QUIT,
    TEARDOWN_ABORTING,
    TEARDOWN_ABORTED,
    TEARDOWN_DONE
};

struct teardown {
    struct teardown_rule rule;
    enum teardown_step step;
    int64_t next_ms; /* end of the present step; INT64_MAX when there is none */
    int64_t until_ms; /* end of all of it */
};

void teardown_init(struct teardown *t, const struct teardown_rule *rule);
/* Begin; what the step asks for is to be done. is_up: somebody may be there to
 * answer. */
void teardown_begin(struct teardown *t, bool is_up, int64_t now_ms,
                    int64_t until_ms);
/* Be done by then; it can only become earlier. */
void teardown_hurry(struct teardown *t, int64_t until_ms);
/* The announcement is gone, or the POST was answered or not: of `step`. */
void teardown_answer(struct teardown *t, enum teardown_step step, bool is_good,
                     int64_t now_ms);
/* True when the step changed, so that its business is to be done. */
bool teardown_time(struct teardown *t, int64_t now_ms);
void teardown_check(const struct teardown *t);
