/* A health check that runs a command: a child in a session of its own, in the
 * sandbox, as the user that the executor is. Status 0 is good. The end of what
 * it says tells people what is wrong. */
#pragma once
#include "base/err.h"
#include "executor/thermos/task_config.h"
#include <stdint.h>

struct event_base;
struct process_watch;
struct check_command;

/* reason: "" when all is well. The command is gone then. */
typedef void check_command_done(void *context, const char *reason);

int check_command_start(struct event_base *base, struct process_watch *watch,
                        const struct process_config *config,
                        const char *sandbox, int64_t timeout_ms,
                        check_command_done *done, void *context,
                        struct check_command **out, struct err *err);
/* End it and tell nobody. Accepts NULL. */
void check_command_drop(struct check_command *command);
