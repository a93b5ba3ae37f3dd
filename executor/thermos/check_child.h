/* A health check that is a child: a shell command, or a health function of the
 * job file. It is in a session of its own, in the sandbox, as the user that the
 * executor is; what it leaves behind is ended with it. */
#pragma once
#include "base/err.h"
#include "executor/thermos/task_care.h"
#include <stdint.h>

struct event_base;
struct process_watch;
struct check_child;

/* reason: "" when all is well. The child is gone then. */
typedef void check_child_done(void *context, const char *reason);

struct check_child_config {
    struct event_base *base;
    struct process_watch *watch;
    const struct task_care *care;
    const char *sandbox;
    check_child_done *done;
    void *context;
};

/* Status 0 is good; the end of what it says tells people what is wrong. */
int check_child_command(const struct check_child_config *config,
                        struct check_child **out, struct err *err);
/* The function's answer (script/health_call.h). */
int check_child_function(const struct check_child_config *config,
                         uint32_t attempt, struct check_child **out,
                         struct err *err);
/* End it and tell nobody. Accepts NULL. */
void check_child_drop(struct check_child *child);
