/* Whether the scheduler waited for a task out of reach as long as its job says.
 */
#pragma once
#include <stdbool.h>

struct aurora_program;

/* It gave the task up by itself, and too early. False when it does not know the
 * task (any more), or is down: `aurora` is NULL. */
bool patience_was_short(const struct aurora_program *aurora,
                        const char *task_id);
