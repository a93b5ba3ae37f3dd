/* The child of a health check in Lua: what its function may reach, and the call
 * (script/health_call.h). */
#pragma once
#include "executor/thermos/task_care.h"
#include <stdint.h>

/* In a fresh fork of the executor; the answer goes to `fd`. */
_Noreturn void check_function_run(const struct task_care *care,
                                  const char *sandbox, uint32_t attempt,
                                  int fd);
