/* Filling the sandbox before the first process: everything a task fetches,
 * done by one child that blocks as it likes and can be killed. Assets come by
 * HTTP from the scheduler, or from a directory, and are checked by their
 * SHA-256; the rest is the business of perigee-fetch. */
#pragma once
#include "base/err.h"
#include "executor/thermos/task_config.h"
#include <sys/types.h>

enum { FETCH_TEXT_MAX = 1024, FETCH_ASSET_MAX = 4 << 20 };

/* Fork the child; it runs in the present directory, writes what went wrong to
 * *text (a pipe) and exits with 0 or 1. */
int fetch_stage_start(const struct task_config *config, pid_t *out, int *text,
                      struct err *err);
