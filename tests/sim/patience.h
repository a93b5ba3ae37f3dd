/* Whether the scheduler waited as long as it is to, and no longer. */
#pragma once
#include "base/bytes.h"
#include <stdbool.h>
#include <stdint.h>

struct aurora_program;

/* It gave the task, which was out of reach, up by itself, and too early. False
 * when it does not know the task (any more), or is down: `aurora` is NULL. */
bool patience_was_short(const struct aurora_program *aurora,
                        const char *task_id);
/* The id of a task that waits for a place which was kept for it long enough;
 * empty: there is none, or the scheduler has still to work off what is due. */
struct bytes patience_was_long(const struct aurora_program *aurora,
                               int64_t now_ms);
