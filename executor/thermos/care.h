/* The hands of an executor that looks after its task: performs what the core
 * asks for beyond running it (program.h: CHECK, STOP_CHECKS, ANNOUNCE, TEAR,
 * MEASURE) and tells the outcome as facts. */
#pragma once
#include "base/err.h"
#include "executor/thermos/task_care.h"
#include <stdbool.h>
#include <stdint.h>

struct care;
struct daemon;
struct process_watch;

/* What is told goes to the daemon. Borrowed for the life. */
struct care *care_new(struct daemon *daemon, struct process_watch *watch,
                      const char *sandbox);
void care_free(struct care *care); /* accepts NULL */
/* The task, once; a failure is one of its author. */
int care_begin(struct care *care, struct bytes task_info,
               const struct task_host *host, struct err *err);
/* True when the act is one of its own. */
bool care_act(struct care *care, uint32_t kind, const void *data);
